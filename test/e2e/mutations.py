#!/usr/bin/env python3
"""Mutated configurations through penstock and HAProxy: both accept, or both refuse.

mutations.py PROGRAM [--count N] [--seed N] [--only LINES|FILES] [FILE...]

A line of every keyword, in a configuration that both accept, and the files given (those of examples and test/data if
none) are changed by a slip that people make: a word that is dropped, doubled, mistyped, moved to another section, a
number that is none. Each disagreement is printed, but those that the README lists (known() below). Whatever penstock
refuses must name a line, and a column where a word is wrong.
"""
import argparse
import concurrent.futures
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# What stands around a mutated line. A key is where the line goes: a section, and its mode if it is tcp.
FRAME = '''global
{global}
    log ring@lines local0
http-errors pages
    errorfile 503 /dev/null
{errors}
ring lines
{ring}
userlist people
    group staff
    user zoe insecure-password x
{userlist}
resolvers rs
    nameserver first 127.0.0.1:5353
{resolvers}
peers others
    peer a 127.0.0.1:5
{peers}
mailers post
    mailer a 127.0.0.1:25
{mailers}
cache pages
    total-max-size 8
{cache}
defaults d
    mode {mode}
    timeout connect 5s
    timeout client 5s
    timeout server 5s
{defaults}
frontend fe from d
    bind 127.0.0.1:1
{frontend}
    default_backend be
backend be from d
{backend}
    server s1 127.0.0.1:2
    server s2 127.0.0.1:3 check
backend other from d
    errorfiles pages
    stick-table type ip size 1k store gpc0,gpt0,conn_cur,http_req_rate(10s)
    server s1 127.0.0.1:4
'''
PLACES = ('global', 'errors', 'ring', 'userlist', 'resolvers', 'peers', 'mailers', 'cache', 'defaults', 'frontend', 'backend')

SETTINGS = {
    'global': '''
ca-base /tmp
crt-base /tmp
chroot /
daemon
default-path current
description a text of words
gid 0
group root
hard-stop-after 30s
grace 10s
log 127.0.0.1:514 local0
log stdout len 2000 format raw daemon notice err
log /dev/null local0 info
log-send-hostname mail
log-tag penstock
master-worker no-exit-on-failure
max-spread-checks 2s
maxcompcpuusage 50
maxcomprate 1000
maxconn 1000
maxzlibmem 20
set-var proc.a str(b)
set-var-fmt proc.b %[int(3)]
maxconnrate 100
maxsessrate 100
maxsslconn 100
maxsslrate 100
nbthread 2
node name
pidfile /tmp/pid
presetenv NAME value
setenv NAME value
unsetenv NAME OTHER
resetenv PATH
quiet
server-state-base /tmp
server-state-file states
spread-checks 5
ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256
ssl-default-server-ciphers ECDHE-RSA-AES128-GCM-SHA256
ssl-default-bind-curves X25519:P-256
ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets prefer-client-ciphers
ssl-default-bind-options no-tlsv10 ssl-max-ver TLSv1.3
ssl-default-server-options ssl-min-ver TLSv1.2 no-tls-tickets
ssl-server-verify none
ssl-load-extra-files bundle sctl
ssl-load-extra-files none
ssl-load-extra-del-ext
ssl-skip-self-issued-ca
tune.bufsize 16384
tune.comp.maxlevel 5
tune.idle-pool.shared on
tune.http.cookielen 63
tune.http.logurilen 1024
tune.http.maxhdr 101
tune.rcvbuf.client 65536
tune.rcvbuf.server 65536
tune.sndbuf.client 65536
tune.sndbuf.server 65536
tune.ssl.lifetime 300s
tune.ssl.capture-buffer-size 96
tune.ssl.ssl-ctx-cache-size 10
tune.ssl.capture-cipherlist-size 96
stats socket /tmp/penstock.sock mode 600 user root group root level admin expose-fd listeners
stats socket 127.0.0.1:9 level operator name one severity-output number
stats timeout 30s
stats maxconn 5
stats bind-process 1
uid 0
ulimit-n 4096
user root
no strict-limits
no insecure-fork-wanted
''',
    'userlist': '''
group others users zoe
user bob insecure-password x groups staff
user al password $6$abcdefghijkl$A2FKjg5ZPRNV7QBhysg.d3DNXY39//7c7TzCrvehvOkGWYfSgToMxZY3WD1Ka2XXk46HrGqMYkZKjzpSzxQkL0
user eve
''',
    'resolvers': '''
accepted_payload_size 4096
hold nx 3s
hold obsolete 1s
hold other 3s
hold refused 3s
hold timeout 3s
hold valid 10s
nameserver ns 127.0.0.1:53
parse-resolv-conf
resolve_retries 3
timeout resolve 1s
timeout retry 1s
''',
    'ring': '''
description a text of words
format rfc5424
format raw
maxlen 1200
size 32764
timeout connect 5s
timeout server 10s
server s1 127.0.0.1:514 log-proto octet-count
server s1 127.0.0.1:514 log-proto legacy
server s1 127.0.0.1:6514 log-proto octet-count ssl verify required ca-file <pem> crt <pem> sni str(log.contoso.com) verifyhost log.contoso.com
''',
    'errors': '''
errorfile 404 /dev/null
''',
    'peers': '''
peer b 127.0.0.1:6
server b 127.0.0.1:6
table t type ip size 1k
table t type string len 20 size 10k expire 30m store gpc0,http_req_rate(10s)
disabled
enabled
''',
    'defaults': '''
acl a path_beg /a
backlog 100
balance roundrobin
compression algo gzip deflate
compression type text/html application/json
clitcpka-cnt 3
clitcpka-idle 30s
clitcpka-intvl 5s
srvtcpka-cnt 3
srvtcpka-idle 30s
srvtcpka-intvl 5s
default-server check inter 2s fall 3 rise 2 maxconn 100
disabled
enabled
errorfile 503 /dev/null
errorfiles pages 503
fullconn 100
hash-type consistent
http-reuse safe
load-server-state-from-file local
server-state-file-name use-backend-name
log global
log 127.0.0.1 local0
no log
log-tag penstock
maxconn 100
mode http
option httplog clf
option dontlognull
no option dontlognull
option forwardfor except 127.0.0.0/8
option originalto except 127.0.0.0/8 header X-To
max-session-srv-conns 5
option http-server-close
no option httpclose
option redispatch 2
option tcpka
retries 3
retry-on conn-failure empty-response 503
source 127.0.0.1
timeout check 5s
timeout http-keep-alive 1m
timeout http-request 10s
timeout queue 500ms
timeout tarpit 5000
timeout tunnel 1h
timeout client-fin 10s
timeout server-fin 10s
unique-id-format %{+X}o%ci:%cp
unique-id-header X-Id
''',
    'frontend': '''
compression algo identity raw-deflate
compression offload
filter compression
filter cache pages
http-request cache-use pages if { path_beg /static }
acl admin path_beg -i /ecp /admin
acl long req.hdr(User-Agent) -m reg -i ^x.*y$
acl nets src 10.0.0.0/8 127.0.0.1
acl size hdr_cnt(a) gt 3
acl range res.hdrs,length 1:5
acl host hdr(host) -i mail.contoso.com autodiscover.contoso.com
acl m method GET POST
acl f src -f <list> -- 10.1.1.1
acl v var(txn.a),lower -m str b
bind 127.0.0.1:80
bind *:80 name web maxconn 100 backlog 50 defer-accept tcp-ut 30s
bind :443 ssl crt <pem> alpn http/1.1 ssl-min-ver TLSv1.2
bind :::443 v4v6 ssl crt <pem> ca-file <pem> verify optional crt-ignore-err all ca-ignore-err 10,23
bind 127.0.0.1:80-83,127.0.0.2:80 accept-proxy
bind 127.0.0.1:80 accept-proxy id 7
bind /tmp/sock mode 660 uid 0 gid 0
bind :443 ssl crt <pem> no-ca-names ca-file <pem> verify optional
bind :443 ssl crt <pem> generate-certificates ca-sign-file <pem>
bind :443 ssl crt <pem> strict-sni no-tlsv10 no-tls-tickets ciphers ECDHE-RSA-AES128-GCM-SHA256 curves X25519 prefer-client-ciphers
bind :443 ssl crt <pem> force-tlsv12 ssl-max-ver TLSv1.3 ecdhe P-256 no-sslv3 verify none
bind :443 ssl crt <pem> force-tlsv13
bind :443 ssl crt <pem> force-tlsv10
bind :443 ssl crt <pem> force-tlsv11
bind :80 transparent tfo v6only interface lo proto h1
bind :443 ssl crt <pem> ca-file <pem> ca-verify-file <pem> verify required
capture request header Host len 32
capture response header Server len 20
capture cookie SESSION= len 32
clitcpka-cnt 3
declare capture request len 10
default_backend be
description words of a text
disabled
errorfile 503 /dev/null
errorfiles pages 503 504
http-error status 503 content-type text/plain string gone hdr A b
http-error status 404 content-type text/plain lf-string %[path]
http-error status 403 default-errorfiles
http-error status 500 errorfile /dev/null
id 5
log global
log 127.0.0.1:514 len 1024 format rfc5424 local0 info
log-format "%ci:%cp [%tr] %ft %b/%s %{+Q}r %[capture.req.hdr(0),lower]"
log-tag penstock
maxconn 500
rate-limit sessions 100
mode http
monitor-uri /alive
monitor fail if { nbsrv(be) lt 1 }
option httplog
option tcplog
option httpslog
error-log-format "%ci:%cp [%tr] %ft %ac/%fc %[fc_err]/%[ssl_fc_err,hex]"
log-format-sd "[ex@1 b=\\"%b\\" h=\\"%{+E}[capture.req.hdr(0)]\\"]"
option forwardfor except 127.0.0.0/8 header X-Client if-none
option http-keep-alive
option http-buffer-request
option http-ignore-probes
option http-use-proxy-header
option logasap
no option logasap
option log-separate-errors
option socket-stats
option dontlog-normal
option clitcpka
option http-no-delay
redirect scheme https code 301 if !{ ssl_fc }
redirect location /owa if { path / }
redirect prefix https://mail.contoso.com drop-query append-slash set-cookie A=1 if { path /x }
tcp-request connection reject if { src 10.0.0.0/8 }
tcp-request connection accept if { src 127.0.0.1 }
tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }
tcp-request session accept unless { src 10.1.1.1 }
tcp-request session set-var(sess.a) src
tcp-request content reject if { src 10.0.0.0/8 }
tcp-request content set-var(txn.x) src,ipmask(24)
tcp-request content switch-mode http if { src 127.0.0.1 }
tcp-request inspect-delay 5s
timeout client 30s
timeout http-request 5s
timeout http-keep-alive 5s
timeout client-fin 1s
timeout tarpit 10s
unique-id-format %{+X}o\\ %ci:%cp_%[rand(100)]
unique-id-header X-Request-Id
use_backend be if { path_beg /a } || { hdr(host) -i b } !{ ssl_fc }
use_backend %[req.hdr(host),lower,map_str(<map>,be)]
use_backend other unless { src 127.0.0.1 } or { always_false }
http-request deny if { path_beg /a }
http-request deny deny_status 429 if { req.hdr_cnt(a) gt 3 }
http-request deny status 403 content-type text/plain string "no way" hdr A b unless { src 10.0.0.0/8 }
http-request return status 200 content-type text/plain lf-string "%[path]" if { path /p }
http-request return status 404 file /dev/null content-type text/html
http-request return status 503 default-errorfiles
http-request return status 403 errorfile /dev/null
http-request tarpit deny_status 500 if { path /t }
http-request redirect location /owa/ code 302 if { path / }
http-request redirect scheme https unless { ssl_fc }
http-request redirect prefix http://a.b code 307 clear-cookie A= ignore-empty if { path /y }
http-request add-header X-A %[src]
http-request set-header X-B "%{+Q}[ssl_fc_sni] text"
http-request del-header X-C
http-request del-header X- -m beg if { path / }
http-request replace-header A (.*)x \\1 if { path / }
http-request replace-value Cookie a=(.*) b=\\1
http-request replace-path ^/a/(.*)$ /\\1
http-request replace-pathq /a /b
http-request replace-uri ^http:(.*) https:\\1
http-request set-path /owa%[path]
http-request set-pathq /b?%[query]
http-request set-query %[query,regsub(a,b,g)]
http-request set-uri /c
http-request set-method GET if { method HEAD }
http-request set-var(txn.a) req.hdr(a),lower,field(1,:)
http-request set-var(txn.c) req.hdr(a),sha2(384),hmac(sha256,a2V5),base64
http-request set-var(txn.c) req.fhdr(accept-language),language(en;fr,de),xxh64(1)
http-request set-var(txn.d) http_auth_user,json(utf8s)
http-request auth realm x unless { http_auth(people) }
http-request deny unless { http_auth_group(people) staff }
http-request set-var(txn.e) http_auth_group(people),upper
http-request set-var(txn.e) req.body_param(a),lower
http-request set-var(txn.e) fc_rtt(us),add(1)
http-request set-var-fmt(txn.b) %[src]:%[dst_port]
http-request unset-var(txn.a)
http-request use-service prometheus-exporter if { path /metrics }
stats enable
stats uri /stats
stats realm "The farm"
stats auth admin:secret
stats refresh 10s
stats hide-version
stats show-legends
stats show-modules
stats show-node here
stats show-desc all of it
stats scope .
stats http-request auth realm x unless { src 127.0.0.1 }
stats http-request deny if { src 127.0.0.1 }
stats admin if { src 127.0.0.1 }
http-request set-log-level silent if { path /alive }
http-request auth realm Mail if { path /private }
http-request early-hint Link "</a.css>; rel=preload" if { path / }
http-request set-src req.hdr(X-From) if { req.hdr(X-From) -m found }
http-request set-src-port int(77)
http-request set-dst dst
http-request set-dst-port int(443)
http-request set-tos 0x10 if { src 10.0.0.0/8 }
http-request set-mark 7
http-request set-nice 5
http-request set-priority-class int(3) if { path /late }
http-request set-priority-offset int(-100)
http-request wait-for-body time 1s at-least 1k if { method POST }
http-request wait-for-handshake
http-request set-var(proc.seen) path
http-request deny status 503 errorfiles pages if { path /gone }
http-request return status 503 errorfiles pages
errorloc 503 http://elsewhere/
errorloc302 404 /there
errorloc303 500 /there
http-request capture req.hdr(Host) len 10
http-request strict-mode off
http-request disable-l7-retry if { method POST }
http-request silent-drop if { src 10.1.1.1 }
http-request allow if { path /x }
http-request reject if { path /x }
http-response set-header X-A b if { status 200 }
http-response add-header X-A %[res.hdr(a),upper]
http-response del-header Server
http-response replace-header Location http:(.*) https:\\1
http-response replace-value Set-Cookie (.*) \\1;secure
http-response cache-store pages
http-response set-status 503 reason "Slow Down" if { res.hdr(a) b }
http-response deny deny_status 502 if { res.hdr_cnt(b) gt 3 }
http-response return status 200 content-type text/plain string x if { status 404 }
http-response redirect location /x if { status 404 }
http-response set-var(txn.c) status
http-response wait-for-body time 1s at-least 1k if { status 200 }
http-response set-header X-L %[res.body_len] if { res.body -m sub abc }
http-response set-log-level err if { status 500:599 }
http-response allow if { status 200 }
http-response unset-var(txn.c)
http-after-response set-header Strict-Transport-Security max-age=31536000
http-after-response del-header Server if { status 500 }
http-after-response set-status 200 if { status 201 }
http-after-response set-var(txn.d) status
http-after-response allow if { status 200 }
http-after-response replace-value A b c
stick-table type ip size 100k expire 30m
stick-table type ipv6 size 1m expire 10s store conn_cnt,conn_cur,conn_rate(10s),sess_cnt,sess_rate(10s),http_req_cnt,http_req_rate(10s)
stick-table type string len 32 size 1k store http_err_cnt,http_err_rate(1m),http_fail_cnt,http_fail_rate(1m) store bytes_in_cnt,bytes_in_rate(1s)
stick-table type ip size 10k expire 1d store gpc0,gpc0_rate(10s),gpc1,gpc1_rate(10s),gpt0,bytes_out_cnt,bytes_out_rate(1h)
stick-table type integer size 1k store gpc(3),gpc_rate(2,10s),gpt(4)
tcp-request connection track-sc0 src table other
tcp-request connection track-sc1 src,ipmask(24) table other if { src 10.0.0.0/8 }
tcp-request connection reject if { src_conn_rate(other) gt 3 }
tcp-request connection sc-inc-gpc0(0)
tcp-request session track-sc2 src table other
tcp-request session sc-set-gpt0(2) 1
tcp-request session reject if { sc0_conn_cur gt 10 }
tcp-request content track-sc1 hdr(X-Forwarded-For) table other
tcp-request content sc-inc-gpc1(1) if { path /x }
http-request track-sc0 src table other
http-request track-sc1 req.hdr_ip(X-Forwarded-For,-1) table other unless { src 10.0.0.0/8 }
http-request deny deny_status 429 if { sc_http_req_rate(0) gt 20 }
http-request deny deny_status 429 if { sc0_http_req_rate(other) gt 20 } or { src,table_http_req_rate(other) gt 30 }
http-request sc-inc-gpc(1,0) if { path_beg /login }
http-request sc-set-gpt(1,0) 5
http-request sc-set-gpt0(1) int(7),add(1)
http-request tarpit if { src_inc_gpc0(other) gt 5 }
http-request set-header X-Rate %[sc_gpc_rate(0,1)],%[sc2_trackers],%[sc_tracked(0)],%[table_cnt(other)]
http-request deny if { src,in_table(other) }
http-request set-var(txn.left) src,table_expire(other,0)
http-response track-sc2 status table other
http-response sc-inc-gpc0(0) if { status 401 }
''',
    'backend': '''
acl a path_beg /a
balance roundrobin
balance leastconn
balance source
balance first
balance random(2)
balance hash req.hdr(Host),lower
balance uri len 10 depth 3
balance uri whole
balance uri depth 2 path-only
balance url_param id check_post
balance hdr(Host) use_domain_only
hash-type map-based wt6 avalanche
hash-balance-factor 150
balance uri path-only
balance url_param id
balance hdr(Host)
balance static-rr
cookie SRV insert indirect nocache httponly secure
cookie SRV rewrite
cookie SRV insert preserve
cookie SRV prefix
cookie SRV insert maxidle 30m maxlife 8h domain .contoso.com attr "SameSite=None" dynamic postonly
default-server inter 3s fastinter 1s downinter 5s fall 2 rise 3 slowstart 10s weight 10
description a text
disabled
dynamic-cookie-key secret
errorfile 503 /dev/null
force-persist if { path_beg /a }
ignore-persist if { path_beg /img }
fullconn 100
hash-type map-based
hash-type consistent sdbm avalanche
http-check comment "what follows"
http-check connect port int(80)
http-check send-state
http-check set-var(check.a) int(1)
http-check set-var-fmt(check.a,ifnotset) %[srv_name]
http-check unset-var(check.a)
http-check expect status-code int(200) status 200
http-check connect port 80 addr 127.0.0.1 sni mail.contoso.com alpn http/1.1 linger
http-check connect default send-proxy comment text
http-check disable-on-404
http-check expect status 200-399
http-check expect ! rstatus ^5
http-check expect string OK
http-check expect rstring "all (is )?well" comment text
http-check expect hdr name Server value -m beg nginx
http-check expect fhdr name -m reg ^X- value-lf %[be_name]
http-check expect min-recv 4 ok-status L7OKC on-success %[be_name] on-error "no" tout-status L7TOUT error-status L7RSP status 200
http-check send meth GET uri /owa/healthcheck.htm ver HTTP/1.1 hdr Host mail.contoso.com
http-check send uri-lf /%[be_name] body-lf %[be_name] comment text
http-check send meth POST body hello
http-reuse always
http-reuse never
http-request set-header A b if { nbsrv(be) gt 1 }
http-request set-timeout server 10s
http-request set-timeout tunnel 3600000
http-response deny if { status 500 }
id 77
log global
log-tag x
mode http
option abortonclose
option allbackups
no option allbackups
option httpchk
option httpchk /alive
option httpchk GET /alive
option httpchk GET /alive HTTP/1.1
option ldap-check
option log-health-checks
email-alert mailers post
email-alert from a@b.c
email-alert to d@e.f
email-alert level notice
email-alert myhostname here.example.com
option mysql-check user monitor pre-41
option pgsql-check user monitor
option redis-check
option persist
option prefer-last-server
option redispatch
option redispatch 1
option redispatch -1
option smtpchk
option smtpchk EHLO mail.contoso.com
option srvtcpka
option ssl-hello-chk
option tcp-check
option forwardfor header X-Y
option originalto header X-Y
option checkcache
option transparent
transparent
dispatch 127.0.0.1:80
persist rdp-cookie
persist rdp-cookie(msts)
balance rdp-cookie
balance rdp-cookie(mstshash)
http-send-name-header X-Server
option http-buffer-request
option httpclose
redirect location /x if { path /y }
retries 3
retry-on all-retryable-errors
retry-on 503 response-timeout
server a 127.0.0.1:80 check inter 2s fall 3 rise 2 port 81 addr 127.0.0.2 weight 100 maxconn 50 maxqueue 10 minconn 5
server a 127.0.0.1:443 ssl verify required ca-file <pem> sni req.hdr(host) verifyhost mail.contoso.com alpn http/1.1
server a 127.0.0.1:443 ssl verify none check check-ssl check-sni str check-alpn http/1.1 crt <pem>
server a 127.0.0.1:443 ssl verify none ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3 no-tls-tickets ciphers ECDHE-RSA-AES128-GCM-SHA256
server a 127.0.0.1:443 ssl verify none force-tlsv12 no-sslv3 no-tlsv10 tls-tickets ssl-reuse no-ssl
server a 127.0.0.1:443 ssl verify none force-tlsv13 send-proxy-v2-ssl no-ssl-reuse
server a 127.0.0.1:443 ssl verify none force-tlsv10
server a 127.0.0.1:443 ssl verify none force-tlsv11
server a 127.0.0.1:80 backup cookie a id 99 disabled
server a 127.0.0.1:80 send-proxy-v2 proxy-v2-options ssl,authority check check-send-proxy
server a 127.0.0.1:80 send-proxy
server a 127.0.0.1:80 send-proxy-v2-ssl-cn no-check-send-proxy
server a 127.0.0.1:80 init-addr last,libc,none pool-max-conn 10 pool-low-conn 2 pool-purge-delay 5s max-reuse 100
server a 127.0.0.1:80 track s2 on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
server a 127.0.0.1:80 slowstart 10s check fastinter 1s downinter 5s observe layer7 on-error mark-down error-limit 3
server a 127.0.0.1:80 agent-check agent-port 9 agent-addr 127.0.0.2 agent-inter 3s agent-send x
server a 127.0.0.1:80 observe layer4 check on-error sudden-death no-agent-check
server a 127.0.0.1:80 source 127.0.0.1:1000-2000 tcp-ut 10s proto h1 ws h1 non-stick
server a 127.0.0.1:+1000 check port 80 no-backup no-check no-check-ssl enabled
server a 127.0.0.1 check port 80 check-proto h1 stick
server a /tmp/sock check
server a app.test:80 init-addr none resolvers rs resolve-prefer ipv4 resolve-net 10.0.0.0/8 resolve-opts allow-dup-ip
server-template srv 1-3 127.0.0.1:80 check
server-template srv 5 127.0.0.1:80 weight 5
source 127.0.0.1:0
srvtcpka-cnt 3
stick-table type ip size 200k expire 30m nopurge
stick-table type string len 32 size 10m expire 1h srvkey name
stick-table type ip size 1k peers others
stick-table type integer size 100 store server_id
stick-table type ip size 1k srvkey addr store server_id,gpc0
stick on src table other
stick match src table other if { src 10.0.0.0/8 }
stick store-request src table other
stick store-response src table other unless { status 500 }
tcp-request content reject if { src 10.0.0.0/8 }
tcp-request inspect-delay 10s
tcp-response content reject if { res.len gt 100 }
tcp-response content set-var(txn.x) src
tcp-response inspect-delay 10s
timeout check 3s
timeout connect 4s
timeout queue 10s
timeout server 30s
timeout server-fin 1s
timeout tunnel 1h
timeout http-request 4s
use-server s1 if { path_beg /a }
use-server s2 unless { src 127.0.0.1 }
''',
    'frontend tcp': '''
bind :25 accept-proxy
option tcplog
log-format %ci:%cp\\ %Tw/%Tc/%Tt\\ %B
tcp-request inspect-delay 5s
tcp-request content accept if { req.ssl_hello_type 1 }
tcp-request content reject if !{ req.ssl_sni -i mail.contoso.com }
use_backend be if { req.ssl_sni -m end .contoso.com }
use_backend be if { req_ssl_ver 3.1:3.4 }
tcp-request connection set-var(sess.x) src
tcp-request content capture req.ssl_sni len 20
''',
    'cache': '''
max-age 240
max-object-size 100000
max-secondary-entries 3
process-vary on
total-max-size 4
''',
    'mailers': '''
mailer second 127.0.0.1:2525
timeout mail 20s
''',
    'backend tcp': '''
option tcp-check
tcp-check comment "what follows"
tcp-check connect port int(80)
tcp-check set-var(check.a) int(1)
tcp-check set-var-fmt(proc.a) x
tcp-check unset-var(check.a)
tcp-check connect port 25 send-proxy sni a alpn smtp linger
tcp-check connect
tcp-check expect string 220
tcp-check expect rstring ^220
tcp-check expect ! string 421 comment text
tcp-check expect binary 323230
tcp-check expect rbinary ^3232
tcp-check expect string-lf %[be_name]
tcp-check expect binary-lf %[be_name,hex]
tcp-check send QUIT\\r\\n
tcp-check send "EHLO x\\r\\n" comment text
tcp-check send-lf "EHLO %[be_name]\\r\\n"
tcp-check send-binary 515549540d0a
tcp-check send-binary-lf %[be_name,hex]
stick on src table other
balance source
tcp-response content accept
''',
}

# Words that HAProxy does not have, and those that need more than a line.
OWN = ('external-check', 'option external-check', 'zero-warning', 'localpeer', 'unix-bind', 'option http-restrict-req-hdr-names', 'option httplog-json', 'lint-off', 'tune.gulp-budget', 'tune.http.maxhead', 'tune.txn.memory', 'tune.zlib.memlevel', 'tune.zlib.windowsize', 'crl-file', 'stats', 'password-file', 'ca-sign-pass', 'crt-list', 'tls-ticket-keys', 'issuers-chain-path')

NUMBERS = ('-1', '0', '1', '2147483647', '2147483648', '4294967295', '4294967296', '18446744073709551616', '65536', '99999999999999999999999',
           'abc', '', '1.5', '0x10', '007', '+5', '5x', '1e3', '256', '257', '1000000')
UNITS = ('us', 'ms', 's', 'm', 'h', 'd', 'S', 'M', 'k', 'K', 'g', 'G', 'x', 'sec', 'w', 'kb', '%', ' s')
EXTRA = ('foo', '1', '-f', '-i', '--', 'if', 'unless', 'if TRUE', 'if FALSE', 'if { path / }', '""', '{', '}', '!', '||', 'if nothing', '#', '\\', 'check', 'if !TRUE',
         'if TRUE FALSE', 'if TRUE or', 'or', 'len 5', '127.0.0.1', ',', '%[src]', '-m', '-m str', '-n', '-M', '-u 1', '-x', 'http', 'default')
PIECES = ('(', ')', '[', ']', '{', '}', ',', ',,', '%', '%[', '!', ':', '/', '@', '$', '#', ';', '=', '*', '\\', "'", '"', '"$X"', '$X', '.', '-', '_', '+', 'x', '0', '~', '|', '&', '\\x', '\\x41', '\u201c', '\t', '()', '(a)')


def lines():
    """(place, line) of the list above."""
    return [(key, line) for key, text in SETTINGS.items() for line in text.strip().split('\n')]


def words_of(line):
    """The words of a line as they are written, quotes and all."""
    return re.findall(r'(?:\\.|"(?:\\.|[^"\\])*"|\'[^\']*\'|[^\s\\"\'])+', line)


def missing(program):
    """Keywords that penstock carries out and no line above has."""
    listed = subprocess.run([program, '-dKcfg'], stdout=subprocess.PIPE, check=True).stdout.decode()
    text = '\n'.join(text for _, text in lines()) + '\n'
    found = []
    for row in listed.splitlines():
        section, name, help_text = row.split('\t')
        idle = re.match('Has no effect|Not offered|Obsolete|An old word', help_text) or 'not offered yet' in help_text or 'o effect' in help_text
        own = name in OWN or section == 'section' or name.startswith('no-')
        word = re.sub('^(cookie|stick-table) ', '', name)
        if not idle and not own and not re.search(r'(^|[\s-])%s[\s(]' % re.escape(word), text, re.M):
            found.append('%s: %s' % (section, name))
    return found


class Mutator:
    def __init__(self, r, pool):
        self.r = r
        self.pool = pool

    def line(self, line):
        words = words_of(line)
        for _ in range(self.r.choice((1, 1, 1, 1, 1, 2, 2, 3))):
            if words:
                words = self.r.choice(self.KINDS)(self, words)
        return ' '.join(words)

    def at(self, words):
        return self.r.randrange(len(words))

    def drop(self, words):
        at = self.at(words)
        return words[:at] + words[at + 1:]

    def cut(self, words):
        return words[:self.at(words)] or words

    def double(self, words):
        at = self.at(words)
        return words[:at] + [words[at]] + words[at:]

    def swap(self, words):
        a, b = self.at(words), self.at(words)
        words = list(words)
        words[a], words[b] = words[b], words[a]
        return words

    def other(self, words):
        at = self.at(words)
        return words[:at] + [self.r.choice(self.pool)] + words[at + 1:]

    def insert(self, words):
        at = self.r.randrange(len(words) + 1)
        return words[:at] + [self.r.choice(self.pool)] + words[at:]

    def extra(self, words):
        return words + self.r.choice(EXTRA).split(' ')

    def flag(self, words):
        at = self.r.randrange(len(words) + 1)
        return words[:at] + self.r.choice(EXTRA).split(' ') + words[at:]

    def negate(self, words):
        return [self.r.choice(('no', 'no', 'default', 'no no', 'No'))] + words

    def changed(self, words, change, wanted=lambda word: True):
        places = [at for at, word in enumerate(words) if wanted(word)]
        if not places:
            return self.extra(words)
        at = self.r.choice(places)
        return words[:at] + [change(words[at])] + words[at + 1:]

    def number(self, words):
        def change(word):
            found = self.r.choice(list(re.finditer(r'\d+', word)))
            return word[:found.start()] + self.r.choice(NUMBERS) + word[found.end():]
        return self.changed(words, change, lambda word: re.search(r'\d', word))

    def unit(self, words):
        return self.changed(words, lambda word: re.sub(r'^(-?\d+)[a-zA-Z]*$', lambda m: m.group(1) + self.r.choice(UNITS), word),
                            lambda word: re.match(r'\d+[a-z]*$', word))

    def quote(self, words):
        def change(word):
            kind = self.r.randrange(4)
            if kind == 0:
                at = self.r.randrange(len(word) + 1)
                return word[:at] + self.r.choice('"\'\\') + word[at:]
            if kind == 1:
                return '"%s"' % word
            if kind == 2:
                return "'%s'" % word
            return '""'
        return self.changed(words, change)

    def typo(self, words):
        def change(word):
            at = self.r.randrange(len(word)) if word else 0
            kind = self.r.randrange(4)
            if kind == 0:
                return word[:at] + word[at + 1:]
            if kind == 1:
                return word[:at] + self.r.choice('abcdefghijklmnopqrstuvwxyz-_.') + word[at:]
            if kind == 2 and at:
                return word[:at - 1] + word[at:at + 1] + word[at - 1:at] + word[at + 1:]
            return word[:at] + word[at:at + 1] + word[at:]
        return self.changed(words, change)

    def case(self, words):
        return self.changed(words, self.r.choice((str.upper, str.capitalize, str.swapcase, str.lower)))

    def piece(self, words):
        def change(word):
            at = self.r.choice((0, len(word), self.r.randrange(len(word) + 1)))
            return word[:at] + self.r.choice(PIECES) + word[at:]
        return self.changed(words, change)

    def join(self, words):
        if len(words) < 2:
            return self.extra(words)
        at = self.r.randrange(len(words) - 1)
        return words[:at] + [words[at] + words[at + 1]] + words[at + 2:]

    KINDS = (drop, drop, cut, double, swap, other, insert, extra, extra, flag, negate, number, number, number, unit, quote, typo, case,
             piece, piece, piece, join)


def built(key, line):
    """A configuration with that line in its place."""
    place, _, mode = key.partition(' ')
    parts = dict.fromkeys(PLACES, '')
    check = re.search(r'^(?:no )?(http|tcp)-check |(check-proto)', line)
    asked = '    option %s\n' % {'tcp': 'tcp-check'}.get(check.group(1), 'httpchk') if check and place in ('defaults', 'backend') else ''
    parts[place] = asked + '    ' + line
    return re.sub(r'\n+', '\n', FRAME.format(mode=mode or 'http', **parts))


class Lines:
    """Mutated lines of the list."""

    def __init__(self, r):
        self.r = r
        self.lines = lines()
        self.mutator = Mutator(r, sorted({word for _, line in self.lines for word in words_of(line)}))

    def next(self):
        key, line = self.r.choice(self.lines)
        if self.r.random() < 0.06:
            key = self.r.choice(list(SETTINGS))
        else:
            line = self.mutator.line(line)
        return '%s: %s' % (key, line), built(key, line)


class Files:
    """Whole files with a mutation or two."""

    def __init__(self, r, files):
        self.r = r
        self.files = files
        self.mutator = Mutator(r, sorted({word for _, line in lines() for word in words_of(line)}))

    def sections(self, text):
        return re.split(r'^(?=[a-z])', text, flags=re.M)

    def next(self):
        name, text = self.r.choice(self.files)
        kind = self.r.random()
        if kind < 0.1:
            parts = self.sections(text)
            a, b = self.r.randrange(len(parts)), self.r.randrange(len(parts))
            parts[a], parts[b] = parts[b], parts[a]
            return '%s: sections %d and %d' % (name, a, b), ''.join(parts)
        rows = text.split('\n')
        places = [at for at, row in enumerate(rows) if row.strip() and not row.strip().startswith('#')]
        at = self.r.choice(places)
        said = rows[at]
        if kind < 0.2:
            del rows[at]
        elif kind < 0.3:
            rows.insert(at, rows[at])
        elif kind < 0.4:
            rows.insert(self.r.choice(places), rows.pop(at))
        else:
            indent = re.match(r'\s*', rows[at]).group()
            rows[at] = said = indent + self.mutator.line(rows[at])
        return '%s:%d: %s' % (name, at + 1, said), '\n'.join(rows)


# What penstock refuses and HAProxy passes over, by what penstock says of it; all of it stands in the README.
STRICTER = re.compile('|'.join((
    # A word too many, or one missing at the end.
    "unexpected (argument )?'", 'is not understood (behind|in)', "in 'timeout' of a ring", "'timeout' expects 'connect' or 'server'", 'takes one word', 'takes a method', "expects '(len|fail|header)', not",
    'behind the sample',  "expects [^']*$", 'an ACL was expected', 'must be followed by a number', 'has no stick-table',
    # An empty word, and what then stands where none should.
    "'' ", 'this is empty',
    # A number that goes on in letters, or beyond its bounds.
    'expects (a|an|the|one of) [^,]*[^:]*, not', "is no (number|port|status|code|IP|list of status|name for)", "the sample '[0-9]",
    "\\('? is not known in a '(bind|server)' line", "\\(\\)' is not known in a", 'a range cannot be compared', "'default' can stand before", 'its check has a port', 'unknown kind of address', 'is too long a time', 'does not say a (number|time)', 'expects a size from',
    # Text that would be taken for something else than was meant.
    'is no flag of a log-format', 'is no variable of a log-format', "a variable's name must begin", 'a NUL byte cannot', 'is no name of a header',
    'is not how', "the converter '' is not known", "is not known in 'timeout' of a ring",
    # What is not offered, and meetings of modes.
    'not offered', "HAProxy's and", 'no longer part of', 'is in mode tcp, backend', 'nothing to listen on', "needs (the request's head|a client connection)")))

# What HAProxy refuses and penstock knows what to do with, by what HAProxy says.
LOOSER = re.compile('|'.join((
    'directive is not supported anymore since', 'cannot inherit from', 'header occurrence must be >= -10', 'MUX protocol', "invalid port '0'", 'Internal error', 'loop detected for default_backend', "'http-request set-timeout' rule : proxy 'fe' has no backend")))


def known(ours, theirs, what):
    """True for a disagreement that the README lists, or that is no silent one."""
    if ours.refused:
        first = re.search(r'ALERT.*?\) : (.*)', ours.text)
        empty = '""' in what or "''" in what
        return first is not None and (empty or STRICTER.search(re.sub(r'parsing \[[^]]*\] : ', '', first.group(1))) is not None)
    if re.search(r'\bdefault option\b', what) or '""' in what or "''" in what:
        return True
    first = re.search(r'ALERT.*?: (?:config : )?(.*)', theirs.text)
    if first and LOOSER.search(first.group(1)):
        return True
    # Whoever is told that the line has no effect was told.
    if 'verify is enabled by default' in theirs.text and 'tcp-check' in what:
        return True  # By a line that the section's own kind of check does not hold.
    if re.search("WARN.*(has no place in a|is in mode tcp: what|without 'option)", ours.text):
        return True
    places = set(re.findall(r'\.cfg:(\d+)', '\n'.join(re.findall('ALERT.*', theirs.text))))
    warned = {m for line in re.findall('WARNING.*', ours.text) if re.search('no effect|not offered|ignored', line) for m in re.findall(r'\.cfg:(\d+):', line)}
    return bool(places & warned)


FILES = sorted(glob.glob(ROOT + '/examples/*.cfg') + glob.glob(ROOT + '/test/data/configs/*.cfg'))


class Verdict:
    def __init__(self, code, text):
        self.code = code
        self.text = text
        self.refused = code != 0


def isolated():
    """What keeps mistyped names from being asked for anywhere."""
    for words in (['unshare', '-n'], ['unshare', '-rn']):
        if shutil.which('unshare') and subprocess.run(words + ['true'], stderr=subprocess.DEVNULL).returncode == 0:
            return words
    return []


class Judge:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.wall = isolated()
        self.environment = {'PATH': os.environ['PATH'], 'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', ''), 'X': 'x'}
        for name, content in (('list', '10.0.0.1\n'), ('map', 'a be\n')):
            with open(os.path.join(folder, name), 'w') as file:
                file.write(content)

    def put(self, name, text, pem):
        path = os.path.join(self.folder, name + '.cfg')
        text = text.replace('<pem>', pem).replace('<list>', self.folder + '/list').replace('<map>', self.folder + '/map')
        with open(path, 'w') as file:
            file.write(text)
        return path

    def ask(self, program, path):
        try:
            done = subprocess.run(self.wall + [program, '-c', '-f', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, env=self.environment, cwd=self.folder, timeout=60)
            return Verdict(done.returncode, done.stdout.decode('utf-8', 'replace'))
        except subprocess.TimeoutExpired as gone:
            return Verdict('hangs', (gone.stdout or b'').decode('utf-8', 'replace'))

    def compare(self, file, what, text):
        """[(kind, explanation)] of what is wrong with how penstock takes the text, in which `what` was changed."""
        path = self.put(file, text, pem_file())
        with open(path) as file:
            text = file.read()
        ours, theirs = self.ask(self.program, path), self.ask('haproxy', path)
        found = []
        if ours.code not in (0, 1, 2) or 'Sanitizer' in ours.text or 'runtime error' in ours.text:
            found.append(('CRASHES', ours.text[-3000:]))
        found += [('NO PLACE', complaint) for complaint in without_place(ours.text, text)]
        if ours.refused and not re.search('^.ALERT', ours.text, re.M):
            found.append(('NO REASON', ours.text))
        if theirs.code in (0, 1, 2) and ours.refused != theirs.refused and not known(ours, theirs, what):
            said = ours.text if ours.refused else theirs.text
            first = '\n'.join(line for line in said.split('\n') if 'ALERT' in line) or said
            found.append(('ONLY WE REFUSE' if ours.refused else 'ONLY HAPROXY REFUSES',
                          first + ('\n  warned: ' + '\n'.join(re.findall('^.WARN.*', ours.text, re.M)) if 'WARN' in ours.text and not ours.refused else '')))
        return found


def without_place(said, text):
    """Complaints that name no place, or one that is not in the text."""
    rows = text.split('\n')
    for line in said.split('\n'):
        if not line.startswith('[ALERT]') or 'there is nothing to listen on' in line:
            continue
        at = re.search(r'parsing \[[^]]*\.cfg:(\d+):(\d+)\]', line)
        if not at or not 0 < int(at.group(1)) <= len(rows):
            yield line
        elif not 0 < int(at.group(2)) <= len(rows[int(at.group(1)) - 1].encode()) + 1:
            yield line


def pem_file():
    import harness
    return harness.certificate('mail')


def stored_files(paths):
    """(name, text) with the paths of certificates put right."""
    found = []
    for path in paths:
        with open(path, encoding='utf-8', errors='surrogateescape') as file:
            text = file.read()
        text = re.sub(r'(?<=\s)(crt|ca-file|crl-file)\s+(?!@)[^\s#]+', r'\1 <pem>', text)
        text = re.sub(r'^(\s*)(chroot|ca-base|crt-base|user|group|daemon|stats socket)\b.*', r'\1# \2', text, flags=re.M)
        found.append((os.path.basename(path), text))
    return found


def run(program, seed, count, files, only, show, jobs=2):
    """Number of configurations compared; each disagreement goes to show(kind, what, explanation)."""
    r = random.Random(seed)
    sources = [] if only == 'FILES' else [Lines(r)]
    folder = tempfile.mkdtemp(prefix='mutations.')
    try:
        judge = Judge(program, folder)
        if only != 'LINES':
            good = [(name, text) for name, text in files if not judge.ask('haproxy', judge.put('first', text, pem_file())).refused]
            sources.append(Files(r, good))
        cases = [r.choice(sources).next() for _ in range(count)]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for (what, text), found in zip(cases, pool.map(lambda case: judge.compare('case%d' % case[0], *case[1]), enumerate(cases))):
                for kind, explanation in found:
                    show(kind, what, explanation, text)
        return len(cases)
    finally:
        shutil.rmtree(folder)


def as_they_stand(program):
    """What is wrong with the lines and files before anything is changed."""
    found = []
    folder = tempfile.mkdtemp(prefix='mutations.')
    try:
        judge = Judge(program, folder)
        cases = [('%s: %s' % pair, built(*pair)) for pair in lines()] + stored_files(FILES)
        for name, text in cases:
            path = judge.put('case', text, pem_file())
            for who in (program, 'haproxy'):
                verdict = judge.ask(who, path)
                if verdict.refused and 'disabled' not in name:
                    found.append('%s: %s' % (name, verdict.text))
    finally:
        shutil.rmtree(folder)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program')
    parser.add_argument('files', nargs='*')
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--only', choices=('LINES', 'FILES'))
    options = parser.parse_intermixed_args()
    files = stored_files(options.files or FILES)
    counts = {}

    def show(kind, what, explanation, text):
        counts[kind] = counts.get(kind, 0) + 1
        print('%s  %s\n    %s' % (kind, what, explanation.replace('\n', '\n    ')), flush=True)
    compared = run(os.path.abspath(options.program), options.seed, options.count, files, options.only, show)
    print('%d compared: %s' % (compared, counts or 'the same'))
    return 1 if counts else 0


if __name__ == '__main__':
    sys.exit(main())

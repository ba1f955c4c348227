#!/usr/bin/env python3
"""Random expressions, formats and conditions of rules, asked of the program and of HAProxy with the same random
requests: expressions.py PROGRAM [--count N] [--requests N] [--seed N] prints what they answer differently.

Lines that either of them refuses are left away; where only one refuses, that is shown too.
"""
import argparse
import base64
import hmac
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.parse

import harness

GROUP = 8

TEXTS = ['', 'a', 'abc', 'a.b.c', 'a..b', '.a.', 'one two  three', 'Hello World', '10.0.0.1', '10.0.0.1:80', '::1',
         '2001:db8::1', '::ffff:10.1.2.3', '127', '0', '1', '-1', '+5', '12abc', '007', '9223372036854775807',
         '9223372036854775808', '-9223372036854775808', '4294967296', 'true', 'false', 'YWJj', 'YWI=', 'YQ==', 'YQ',
         'a_b-c', 'dead', 'DEADbeef', '0x1F', 'zz', '%41%42', '%4', '%zz', 'a%20b+c', 'a+b?c+d', 'k=v;k2=v2', 'a;b;;c',
         'a/b/c', '/x/y/', 'x:80', '[::1]:80', '[::1]', 'mail.contoso.com:443', 'www.example.com', 'a=b=c', '"quoted"',
         "it's", 'a\\b', 'x|y', '1.2.3.4.5', '255.255.255.255', '256.1.1.1', '1.2.3', ' lead', 'trail ', 'ab' * 40,
         'GET', 'POST', 'gzip, deflate', 'en-us,en;q=0.5', 'aaa', 'ababab', 'q=1&r=2', '3 4', '1k', '5s', '1e3']
DELIMITERS = ['.', '/', ';', '-', '=', ':', '|', 'a', './', '.;']
NUMBERS = ['0', '1', '2', '-1', '-2', '3', '7', '10', '64', '255', '256', '-128', '65536', '4294967295', '2147483648',
           '9223372036854775807', '-9223372036854775808', '1000000007']
REGEXES = ['a', '[a-z]+', '^a', '[0-9]+', '(a)(b)?', 'x*', '.*', '\\.', 'c$', '^.', '(.)(.)', 'A|B', '[^.]+']
REPLACEMENTS = ['', 'X', 'XY', '<\\1>', '\\2\\1', '\\0\\0', '-']
MAP_KEYS = ['a', 'abc', 'ab', '10.0.0.0/8', '127.0.0.1', '2001:db8::/32', '::1', '1', '0', '-1', 'www', 'example.com',
            'contoso', '/x', 'x', 'y', 'mail.contoso.com', 'b', '10.1.2.3', 'one two', 'GET']
VARIABLES = ['txn.a', 'txn.b', 'txn.n', 'txn.ip', 'txn.empty', 'txn.none', 'req.a', 'txn.bin', 'txn.flag']


JSONS = ['{"a":1,"b":"x","c":true,"d":null,"e":[1,[],{"z":"two"}],"f":{"g":1.5,"h":-7,"i":123456789012},"j.k":"dot"}',
         '{"a":{"b":{"c":"deep"}},"e":[[1,2],[3]],"b":false}', '[1,"a",{"a":5}]', '"text"', '5', 'true', '{"a":"l1\\nl2"}',
         '{"a":1e21,"b":0.1,"f":{"g":9223372036854775807}}', '{ "a" : 2 , "b" : [ ] }', '{"a":tru}', '{"a":1', '{"b":2}x', '{"a":"12ab"}']
PATHS = ['$.a', '$.b', '$.c', '$.d', '$.e[0]', '$.e[2].z', '$.e[1][0]', '$.f.g', '$.f.h', '$.f.i', '$', '$[1]', '$[2].a', '$.a.b.c']
LANGUAGES = ['en-us,en;q=0.5', 'fr;q=0.2, en;q=0.3, de', 'da, en-gb;q=0.8, en;q=0.7', '*', 'en;q=0, fr;q=0.001,de;q=0.0015', 'fr ; q=0.9,en ;q=0.95',
             'EN,fr;q=1.0;x=y', 'en-us-x,fr;q=abc', ',,fr;q=,en;q=2', 'en;q=0.5,fr;q=0.5', 'fr;level=1;q=0.3,en;q=0.4', 'de;q=0.7,fr;q=0.75,en;q=0.755']


TOKENS = ['%s.%s.%s' % (head, said, base64.urlsafe_b64encode(hmac.new(key, ('%s.%s' % (head, said)).encode(), 'sha256').digest()).decode().rstrip('='))
          for head in ('eyJhIjoxfQ', 'eyJhIjoieCJ9') for said in ('eyJiIjoyfQ', 'eyJiIjoidHdvIn0') for key in (b'key', b'abc')]
TOKENS += [TOKENS[0][:-1], TOKENS[0][:-3], TOKENS[0] + 'A', 'eyJhIjoxfQ', 'eyJhIjoxfQ.', 'eyJhIjoxfQ.eyJiIjoyfQ', 'eyJhIjoxfQ.eyJiIjoyfQ.', '..', 'a.b.c',
           'eyJhIjoxfQ.eyJiIjoyfQ.c.d', '.eyJiIjoyfQ.c', 'eyJhIjoxfQ..c', 'eyJhIjoxfQ==.eyJiIjoyfQ.', 'eyJhIjoxfQ.eyJi!joyfQ.']


def mutated(r, text):
    """Bytes in hexadecimal, some of them changed now and then."""
    data = bytearray.fromhex(text)
    if r.random() < 0.5 and data:
        for _ in range(r.choice([1, 1, 2])):
            data[r.randrange(len(data))] = r.choice([0, 1, 2, 3, 0x10, 0x31, 0x3d, 0x80, 0xff, r.randrange(256)])
    if r.random() < 0.15:
        del data[r.randrange(len(data)):]
    if r.random() < 0.1:
        data += bytes(r.randrange(256) for _ in range(r.randint(1, 9)))
    return data.hex() or '00'


MESSAGES = {
    'protobuf': ['0a0361626310ac02', '10ffffffffffffffffff01', '110102030405060788', '1501020384', '0a041005200112020802', '0a02100510071201ff',
                 '0a06120408011005', '11000000000000f83f150000c03f'],
    'ungrpc': ['00000000080a0361626310ac02', '00000000030a016100000000020807', '000000000a0a041005200112020802'],
    'fix': ['383d4649582e342e3401393d33300133353d410134393d434c49454e540135363d5345525645520139383d300131303d31373101',
            '383d4649582e342e3201393d350133353d410131303d31373801', '383d464958542e312e3101393d350133353d410131303d30303201'],
    'mqtt': ['101e00044d51545404c2003c0006636c69656e740004757365720004' + '70617373', '20020100', '101b00044d51545404f6003c00016300027774000277700001750001' + '70',
             '2043008740110000006421000a240125012700' + '00004d1200036369642200031f0003776879280129002a0113001e1a0004696e666f1c0003737276150002616d16000261' + '64',
             '101100044d51545405020002041100000064000163', '102000064d51497364700302003c0000'],
}


def binary(r):
    return mutated(r, r.choice(MESSAGES[r.choice(list(MESSAGES))]))


def mqtt_field(r):
    if r.random() < 0.7:
        return 'connect,' + r.choice(['flags', 'protocol_name', 'protocol_version', 'client_identifier', 'will_topic', 'will_payload', 'username',
                                      'password', 'keepalive', '17', '33', '39', '34', '25', '24', '1', '3'])
    return 'connack,' + r.choice(['flags', 'protocol_version', 'reason_code', '17', '18', '31', '19', '42'])


def field_path(r):
    return r.choice(['1', '2', '3', '1.2', '1.4', '2.1', '1.2.1']) + r.choice(['', '', ',int32', ',sint32', ',uint64', ',bool', ',fixed32', ',sfixed32', ',fixed64',
                                                                           ',double', ',float', ',sint64'])


def number(r):
    return r.choice(NUMBERS + [str(r.randint(-20, 300))])


def operand(r):
    return r.choice([number(r), number(r), r.choice(VARIABLES)])


# Name: the arguments it may get.
CONVERTERS = {
    'add': lambda r: operand(r), 'sub': lambda r: operand(r), 'mul': lambda r: operand(r), 'div': lambda r: operand(r),
    'mod': lambda r: operand(r), 'and': lambda r: operand(r), 'or': lambda r: operand(r), 'xor': lambda r: operand(r),
    'neg': None, 'not': None, 'bool': None, 'odd': None, 'even': None, 'cpl': None, 'lower': None, 'upper': None,
    'length': None, 'hex': None, 'hex2i': None, 'base64': None, 'b64dec': None, 'ub64enc': None, 'ub64dec': None,
    'cut_crlf': None, 'host_only': None, 'port_only': None,
    'url_dec': lambda r: r.choice(['', '0', '1']), 'url_enc': lambda r: r.choice(['', 'query']),
    'field': lambda r: part(r), 'word': lambda r: part(r),
    'bytes': lambda r: r.choice([number(r), '%d,%d' % (r.randint(0, 9), r.randint(0, 9)), str(r.randint(0, 5))]),
    'ltrim': lambda r: r.choice(DELIMITERS), 'rtrim': lambda r: r.choice(DELIMITERS),
    'regsub': lambda r: '%s,%s%s' % (r.choice([x for x in REGEXES if '(' not in x and ',' not in x]),
                                     r.choice([x for x in REPLACEMENTS if '\\' not in x]),
                                     r.choice(['', ',g', ',i', ',gi'])),
    'ipmask': lambda r: r.choice(['24', '8', '0', '32', '255.255.0.0', '16,64', '24,48', '8,128', '32,0', '33']),
    'crc32': lambda r: r.choice(['', '0', '1']), 'crc32c': lambda r: r.choice(['', '1']),
    'djb2': lambda r: r.choice(['', '1']), 'sdbm': lambda r: r.choice(['', '1']),
    'iif': lambda r: r.choice(['yes,no', 'a,', ',b', '1,0']),
    'strcmp': lambda r: r.choice(VARIABLES), 'secure_memcmp': lambda r: r.choice(VARIABLES),
    'concat': lambda r: r.choice(['-,txn.a', '-,txn.none,x', ',txn.n,', 'x', ',txn.ip', '-,txn.bin', '', ',,z']),
    'add_item': lambda r: r.choice([';,txn.a', ';,txn.none,x', ':,,x', '|,txn.empty', ':,txn.n,z']),
    'be2hex': lambda r: r.choice(['', ':', ':,1', ':,3', '-,2,1', '-,64', ',2']),
    'be2dec': lambda r: r.choice([':,1', ':,2', ':,3', '-,2,1', '-,8', ',2']),
    'http_date': lambda r: r.choice(['', '0', '3600', '-60']), 'utime': lambda r: '%Y-%m-%dT%H:%M:%S',
    'wt6': lambda r: r.choice(['', '1', '2']), 'xxh32': lambda r: r.choice(['', '7', '-1']), 'xxh64': lambda r: r.choice(['', '7', '-1']),
    'xxh3': lambda r: r.choice(['', '7', '-1']), 'language': lambda r: r.choice(['en;fr', 'fr;en', 'de', 'en-us;en', 'en,xx']),
    'json': lambda r: r.choice(['', 'ascii', 'utf8', 'utf8s', 'utf8p', 'utf8ps']),
    'json_query': lambda r: "'%s'%s" % (r.choice(PATHS), r.choice(['', '', ',int'])),
    'jwt_header_query': lambda r: "'$.a'", 'jwt_payload_query': lambda r: "'$.%s'%s" % (r.choice('ab'), r.choice(['', ',int'])),
    'jwt_verify': lambda r: r.choice(['HS256', 'HS384', 'none', 'txn.a', 'txn.alg', 'txn.none']) + ',' + r.choice(['key', 'other', 'txn.a', 'txn.none']),
    'nbsrv': None, 'srv_queue': None, 'protobuf': field_path, 'ungrpc': field_path, 'fix_is_valid': None,
    'fix_tag_value': lambda r: r.choice(['8', 'MsgType', '49', 'CheckSum', '98']), 'mqtt_is_valid': None, 'mqtt_field_value': mqtt_field,
    'set-var': lambda r: r.choice(['txn.t', 'txn.u', 'req.t']), 'capture-req': lambda r: r.choice(['0', '1']),
}
MAPS = ['map', 'map_str', 'map_beg', 'map_end', 'map_sub', 'map_dir', 'map_dom', 'map_reg', 'map_regm', 'map_int',
        'map_ip', 'map_str_int', 'map_beg_int', 'map_str_ip', 'map_ip_int', 'map_int_ip', 'map_sub_int', 'map_ip_ip']


def part(r):
    index = r.choice([1, 2, 3, 4, 6, -1, -2, -3, -5])
    count = r.choice(['', '', ',0', ',1', ',2', ',3', ',-1'])
    return '%d,%s%s' % (index, r.choice(DELIMITERS), count)


NAMES = ['x-a', 'x-b', 'x-list', 'x-none', 'x-empty', 'x-ip', 'x-num', 'host', 'cookie', 'accept-language', 'X-A']
COOKIES = ['a', 'b', 'c', 'none', 'A', '']
PARAMETERS = ['a', 'b', 'c', 'none', 'A', 'b[]', '']


def field(r):
    name = r.choice(NAMES)
    return name + r.choice(['', '', '', ',1', ',2', ',-1', ',-2', ',5', ',0'])


def parameter(r):
    return r.choice(PARAMETERS) + r.choice(['', '', '', ',;', ',?'])


FETCHES = {
    'req.hdr': field, 'req.fhdr': field, 'hdr': field, 'req.hdr_cnt': lambda r: r.choice(NAMES + ['']),
    'req.fhdr_cnt': lambda r: r.choice(NAMES), 'req.hdr_ip': field, 'req.hdr_val': field, 'hdr_ip': field,
    'hdr_val': field, 'hdr_cnt': lambda r: r.choice(NAMES), 'req.hdr_names': lambda r: r.choice(['', '-']),
    'req.cook': lambda r: r.choice(COOKIES), 'req.cook_cnt': lambda r: r.choice(COOKIES),
    'req.cook_val': lambda r: r.choice(COOKIES), 'cook': lambda r: r.choice(COOKIES), 'url_param': parameter,
    'urlp': parameter, 'urlp_val': parameter, 'path': None, 'pathq': None, 'query': None, 'url': None, 'base': None,
    'baseq': None, 'base32': None, 'url32': None, 'url_ip': None, 'url_port': None, 'method': None, 'req.ver': None,
    'src': None, 'dst': None, 'fe_name': None, 'fe_id': None, 'so_id': None,
    'capture.req.hdr': lambda r: r.choice(['0', '1', '2']), 'capture.req.method': None, 'capture.req.uri': None,
    'capture.req.ver': None, 'http_auth_bearer': lambda r: r.choice(['', '', 'x-auth', 'x-none']),
    'req.body_size': None, 'req.proto_http': None, 'fc_http_major': None, 'http_first_req': None, 'nbsrv': lambda r: 'be',
    'str': lambda r: r.choice([t for t in TEXTS if not re.search('[,()"\'\\\\ ]', t)]), 'int': number,
    'bool': lambda r: r.choice(['true', 'false', '1', '0', 'yes']),
    'bin': lambda r: r.choice([r.choice(['61ff', '616263', '0a', '01', 'c3a4', '61c0af62', 'f09f9880', '61e28262']), binary(r), binary(r)]),
    'base32+src': None, 'url32+src': None, 'req.body': None, 'req.body_len': None, 'req.body_param': lambda r: r.choice(['', 'a', 'b', 'none']),
    'fe_client_timeout': None, 'fe_defbe': None, 'nbproc': None, 'thread': None, 'src_is_local': None, 'dst_is_local': None, 'fc_src_is_local': None,
    'fc_dst_is_local': None, 'fc_err_str': None, 'fc_pp_authority': None, 'fc_pp_unique_id': None, 'capture.res.ver': None,
    'ipv4': lambda r: r.choice(['10.1.2.3', '127.0.0.1']), 'ipv6': lambda r: r.choice(['::1', '2001:db8::1', '::ffff:10.1.2.3']),
    'meth': lambda r: r.choice(['GET', 'POST', 'FOO']), 'var': lambda r: r.choice(VARIABLES), 'always_true': None,
    'always_false': None, 'ssl_fc': None, 'fc_rcvd_proxy': None, 'srv_is_up': lambda r: 'be/s1', 'stopping': None,
}
RESPONSE_FETCHES = {
    'res.hdr': field, 'res.fhdr': field, 'res.hdr_cnt': lambda r: r.choice(NAMES + ['']), 'res.hdr_ip': field,
    'res.hdr_val': field, 'res.cook': lambda r: r.choice(COOKIES), 'res.cook_cnt': lambda r: r.choice(COOKIES),
    'res.cook_val': lambda r: r.choice(COOKIES), 'status': None, 'res.ver': None, 'res.hdr_names': lambda r: '',
    'capture.res.hdr': lambda r: '0', 'capture.req.hdr': lambda r: r.choice(['0', '1']), 'method': None,
    'var': lambda r: r.choice(VARIABLES), 'src': None, 'capture.req.uri': None, 'srv_id': None, 'srv_name': None,
    'bc_dst': None, 'bc_dst_port': None, 'bc_err': None, 'bc_err_str': None, 'bc_http_major': None, 'be_server_timeout': None, 'cur_server_timeout': None,
    'shdr': field, 'scook': lambda r: r.choice(COOKIES), 'str': FETCHES['str'],
}


def call(r, name, arguments):
    if arguments is None:
        return name
    text = arguments(r)
    return '%s(%s)' % (name, text) if text else name


def converter(r, folder):
    if r.random() < 0.12:
        name = r.choice(MAPS)
        kind = 'int' if name.endswith('_int') and name != 'map_int' else 'ip' if name.endswith('_ip') and \
            name != 'map_ip' else 'txt'
        match = 'ip' if name.startswith('map_ip') else 'int' if name.startswith('map_int') else \
            'reg' if 'reg' in name else 'str'
        default = r.choice(['', {'int': ',7', 'ip': ',9.9.9.9', 'txt': ',none'}[kind]])
        return '%s(%s/%s_%s.map%s)' % (name, folder, match, kind, default)
    name = r.choice(list(CONVERTERS) + ['htonl', 'digest'])
    if name == 'htonl':
        return 'htonl,hex'
    if name == 'digest':
        return r.choice(['sha1', 'sha2', 'sha2(384)', 'digest(sha512)', 'digest(md5)', 'hmac(sha256,a2V5)', 'hmac(sha1,txn.a)', 'hmac(sha1,txn.none)']) + ',hex'
    return call(r, name, CONVERTERS[name]) + (',hex' if name == 'bytes' and r.random() < 0.7 else '')


# What reads a text of a form of its own, and where one is.
READERS = {'json_query': 'req.fhdr(x-json)', 'language': 'req.fhdr(accept-language)', 'jwt_verify': 'req.hdr(x-token)', 'jwt_header_query': 'req.hdr(x-token)',
           'jwt_payload_query': 'req.hdr(x-token)', 'json': 'req.fhdr(x-b)', 'nbsrv': 'str(be)', 'srv_queue': 'str(be/s1)'}


def reading(r):
    """A converter of a form of text or bytes, behind what has that form."""
    kind = r.choice(list(READERS) + list(MESSAGES))
    if kind in READERS:
        return '%s,%s' % (READERS[kind], call(r, kind, CONVERTERS[kind]))
    name = r.choice([name for name in CONVERTERS if name.startswith(kind)])
    return 'bin(%s),%s' % (mutated(r, r.choice(MESSAGES[kind])), call(r, name, CONVERTERS[name]) + (',hex' if kind in ('protobuf', 'ungrpc') else ''))


def expression(r, folder, fetches):
    if fetches is FETCHES and r.random() < 0.25:
        return reading(r)
    name = r.choice(list(fetches))
    count = r.choice([0, 0, 1, 1, 2, 2, 3, 4])
    return ','.join([call(r, name, fetches[name])] + [converter(r, folder) for _ in range(count)])


def plain_text(r):
    return r.choice([t for t in TEXTS if t and not re.search('["\'\\\\ ]', t) and not t.startswith('-')])


def patterns(r, kind):
    def one():
        if kind == 'int':
            return r.choice([number(r), '%s:%s' % (r.randint(-5, 5), r.randint(6, 300)), ':100', '5:', '0:9', 'gt 5',
                             'le 3', 'eq 0', 'ge 1', 'lt 300'])
        if kind == 'len':
            return r.choice(['0', '3', '1:5', '4:', 'gt 2', 'le 3'])
        if kind == 'ip':
            return r.choice(['10.0.0.0/8', '127.0.0.1', '127', '10', '10.0', '10/8', '10.1/16', '::1', '2001:db8::/32', '0.0.0.0/0', '::/0',
                             '::ffff:10.0.0.0/104', '10.0.0.0/255.0.0.0', '127.0.0.0/8'])
        if kind == 'bin':
            return r.choice(['616263', '00ff', '61', '00', '31', '0a'])
        if kind == 'reg':
            return r.choice([x for x in REGEXES if '\\' not in x])
        return plain_text(r)
    return ' '.join(one() for _ in range(r.choice([1, 1, 2, 3])))


def condition(r, folder, fetches):
    sample = expression(r, folder, fetches)
    if r.random() < 0.2:
        return sample
    kind = r.choice(['str', 'beg', 'end', 'sub', 'dir', 'dom', 'reg', 'int', 'ip', 'len', 'found', 'bool', 'bin', 'none'])
    flags = r.choice(['', '', '-i ', '-n ', '-i -n '])
    if kind == 'none':
        return '%s %s%s' % (sample, flags, patterns(r, r.choice(['str', 'int', 'ip'])))
    method = '-m ' + kind + ' '
    head = flags + method if r.random() < 0.5 else method + flags
    body = {'found': '', 'bool': r.choice(['', 'true', 'false', '1'])}.get(kind)
    return '%s %s%s' % (sample, head, patterns(r, kind) if body is None else body)


ALIASES = ['%B', '%ci', '%HM', '%HP', '%HPO', '%HQ', '%HU', '%HV', '%b', '%f', '%ft', '%hr', '%s', '%CC', '%rt', '%r',
           '%fi', '%bi', '%sslc', '%sslv', '%ID', '%lc', '%hrl', '%rc', '%cc', '%ac', '%sq', '%bq', '%tsc']
FLAGS = ['', '', '{+Q}', '{+X}', '{+E}', '{-Q}', '{+Q,+E}', '{+Q,-E}', '{+X,+Q}']


def item(r, folder, fetches):
    if r.random() < 0.15:
        alias = r.choice([a for a in ALIASES if a not in ('%rt', '%lc', '%ID')])
        return '%' + r.choice(FLAGS) + alias[1:]
    return '%' + r.choice(FLAGS + [''] * 8) + '[' + expression(r, folder, fetches) + ']'


def format_of(r, folder, fetches):
    parts = [item(r, folder, fetches)]
    while r.random() < 0.2:
        parts += [r.choice([' ', '-', '%%', ' x ', ',', 'x%%']), item(r, folder, fetches)]
    return ''.join(parts)


class Configuration:
    """A text whose lines of doubt are numbered, so that what is refused can go."""

    def __init__(self, seed, count, folder):
        r = random.Random(seed)
        self.folder = folder
        self.formats, self.conditions, self.answers, self.tests = {}, {}, {}, {}
        for n in range(count):
            kind = n % 4
            if kind == 0:
                self.formats[n] = format_of(r, folder, FETCHES)
            elif kind == 1:
                self.conditions[n] = condition(r, folder, FETCHES)
            elif kind == 2:
                self.answers[n] = format_of(r, folder, RESPONSE_FETCHES)
            else:
                self.tests[n] = (self.formats, format_of(r, folder, FETCHES))
                self.formats[n] = format_of(r, folder, FETCHES)
        self.tests = {n: condition(r, folder, RESPONSE_FETCHES) for n in range(count, count + count // 6)}

    def text(self):
        """(text, number of the expression of each line)."""
        lines, owners = [], {}

        def add(text, owner=None):
            lines.append(text)
            if owner is not None:
                owners[len(lines)] = owner
        add('frontend fe')
        add('    bind <fe>')
        add('    option http-buffer-request')
        add('    capture request header x-a len 12')
        add('    capture request header host len 40')
        add('    capture response header x-a len 12')
        add('    declare capture request len 8')
        for name, what in (('txn.a', 'str(abc)'), ('txn.b', 'req.hdr(x-b)'), ('txn.n', 'int(42)'),
                           ('txn.ip', 'ipv4(10.1.2.3)'), ('txn.empty', 'str()'), ('req.a', 'str(A.B.C)'),
                           ('txn.bin', 'bin(01ff41)'), ('txn.alg', 'str(HS256)'), ('txn.flag', 'bool(true)')):
            add('    http-request set-var(%s) %s' % (name, what))
        for number, text in self.formats.items():
            add('    http-request set-header Q%d "<%s>" if { req.fhdr(pick) %d }' % (number, text, number // GROUP), number)
        for number, text in self.conditions.items():
            add('    http-request set-header Q%d yes if { req.fhdr(pick) %d } { %s }' % (number, number // GROUP, text), number)
        for number, text in self.answers.items():
            add('    http-response set-header R%d "<%s>" if { var(txn.pick) -m int %d }' % (number, text, number // GROUP), number)
        for number, text in self.tests.items():
            add('    http-response set-header R%d yes if { var(txn.pick) -m int %d } { %s }' % (number, number // GROUP, text), number)
        add('    http-request set-var(txn.pick) req.fhdr(pick)')
        add('    default_backend be')
        add('backend be')
        add('    server s1 <s1>')
        return '\n'.join(lines) + '\n', owners

    def drop(self, number):
        for table in (self.formats, self.conditions, self.answers, self.tests):
            if number in table:
                return table.pop(number)
        return None

    def writers(self, pick):
        """The rules of a group that capture something or set a variable."""
        return [text for table in (self.formats, self.conditions) for number, text in table.items()
                if number // GROUP == pick and re.search('capture-req|set-var', text)]

    def rule(self, number):
        for table in (self.formats, self.conditions, self.answers, self.tests):
            if number in table:
                return table[number]


def write_maps(folder, seed):
    r = random.Random(seed)
    values = {'txt': ['v1', 'some value', 'x', '7', 'A-B'], 'int': ['1', '22', '-3', '0'], 'ip': ['1.2.3.4', '::2', '10.9.8.7']}
    keys = {'ip': ['10.0.0.0/8', '127.0.0.1', '2001:db8::/32', '::1', '10.1.2.0/24', '0.0.0.0/4'],
            'int': ['0', '1', '-1', '5:50', '100:', '42'],
            'reg': ['^a', 'b', '[0-9]+', 'c$', '^/x'], 'str': ['a', 'abc', 'www', 'example.com', 'contoso', 'x', '1', 'b', 'GET', '42', '/a', 'a.b.c']}
    for match, some in keys.items():
        for kind, what in values.items():
            with open('%s/%s_%s.map' % (folder, match, kind), 'w') as file:
                for key in some:
                    file.write('%s %s\n' % (key, r.choice(what)))


def request(r):
    """(head, answer's head): a request that both accept."""
    target = r.choice(['/', '/a', '/a/b/c', '/x/y/', '/A%41b', '/a;b=1', '//a//b', '/a/../b', '/x.y.z', '/%zz', '/abc.php'])
    if r.random() < 0.6:
        query = r.choice(['a=1', 'a=1&b=2', 'a=', 'a', 'b[]=x', 'a=%41+b', 'a=1&a=2', 'a=x;b=y', 'A=3', '', 'a=10.0.0.1',
                          'c=a=b&b', '?a=2', 'b=1&&a=3', 'a=1?b=2', 'aa=1&a=4', 'xa=1', 'a=-5'])
        target += '?' + query
    method = r.choice(['GET'] * 5 + ['POST', 'OPTIONS', 'PUT', 'FOO'])
    fields = []
    host = r.choice(['mail.contoso.com', 'www.example.com:8080', '127.0.0.1', '10.1.2.3:80', '[::1]:80', 'a', 'Abc.COM'])
    fields.append(('Host', host))

    def value():
        return r.choice(TEXTS).strip()
    for name in ('X-A', 'x-b', 'X-A', 'X-Ip', 'X-Num'):
        if r.random() < 0.7:
            fields.append((name, r.choice(['10.0.0.1', '::1', '10.0.0.1:80', '[::1]', '1.2.3.4, 5.6.7.8', '2001:db8::1', 'x', ' 10.1.2.3', '10.0.0.256', '::ffff:1.2.3.4']) if name == 'X-Ip' else
                           r.choice(['1', '-2', '0', '42', '3,4', '99999999999999999999', '5x', '']) if name == 'X-Num' else value()))
    for _ in range(r.choice([0, 1, 1, 2])):
        fields.append(('X-List', r.choice(['a,b', 'a , b,c', '"a,b",c', ',', 'a,,b', '', 'one', ' x ', 'a,"b', ',a'])))
    if r.random() < 0.5:
        fields.append(('X-Empty', ''))
    for _ in range(r.choice([0, 1, 1, 2])):
        fields.append(('Cookie', r.choice(['a=1', 'a=1; b=2', 'a=; b=x', 'A=9', 'a="q;x"; b=1', 'b=2;a=3', 'a=1;a=2', 'c',
                                           'a =1', 'a= 1', ';a=1', 'a=1,b=2', 'b=x=y; c=10.0.0.1', 'a=b c'])))
    if r.random() < 0.4:
        fields.append(('Authorization', r.choice(['Bearer abc', 'bearer abc', 'Basic YTpi', 'Bearer  two', 'Bearer', 'Bearer a b'])))
    if r.random() < 0.3:
        fields.append(('X-Auth', r.choice(['Bearer abc', 'abc', 'Basic x y', 'Bearer'])))
    if r.random() < 0.3:
        fields.append(('Accept-Language', r.choice(LANGUAGES)))
    if r.random() < 0.8:
        fields.append(('X-Json', r.choice(JSONS)))
    if r.random() < 0.8:
        fields.append(('X-Token', r.choice(TOKENS)))
    r.shuffle(fields)
    body = b''
    if method in ('POST', 'PUT'):
        body = r.choice([b'', b'xxx', b'a=1&b=two&a=3', b'b=%41+x', b'a', b'\x01\xff&b=2'])
        fields.append(('Content-Length', str(len(body))))
    answer = [('X-A', value()), ('x-b', value()), ('X-Ip', r.choice(['10.0.0.1', '::1', 'x'])), ('X-Num', r.choice(['1', '', '-7', '3,4']))]
    answer += [('X-List', r.choice(['a,b', '"a,b",c', 'a,,b', '']))]
    answer += [('Set-Cookie', r.choice(['a=1', 'a=1; Path=/', 'b=2; HttpOnly', 'a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'c="x y"', 'A=5'])) for _ in range(r.choice([0, 1, 2]))]
    answer = [pair for pair in answer if r.random() < 0.8]
    status = r.choice(['200 OK', '404 Not Found', '302 Found', '200', '500 Oh dear'])
    said = 'HTTP/1.1 %s\r\n' % status + ''.join('%s: %s\r\n' % pair for pair in answer) + 'Content-Length: '
    head = '%s %s HTTP/1.1\r\n' % (method, target) + ''.join('%s: %s\r\n' % pair for pair in fields)
    return head + 'Say: %s\r\n' % urllib.parse.quote(said), body


def origin(sock, _number):
    """Answers what the request asks it to say, with the fields of the rules as its body."""
    data = b''
    while True:
        while b'\r\n\r\n' not in data:
            more = sock.recv(65536)
            if not more:
                return
            data += more
        head, _, data = data.partition(b'\r\n\r\n')
        length = re.search(rb'(?i)\r\ncontent-length: *(\d+)', head)
        length = int(length.group(1)) if length else 0
        while len(data) < length:
            data += sock.recv(65536)
        data = data[length:]
        said = re.search(rb'(?i)\r\nsay: (\S*)', head)
        body = b'\r\n'.join(line for line in head.split(b'\r\n') if re.match(rb'(?i)q\d+:', line)) + b'\r\n'
        sock.sendall(urllib.parse.unquote(said.group(1).decode()).encode() + b'%d\r\n\r\n' % len(body) + body)


def values(client, head, body, pick):
    """What the rules of one group wrote: {name: value}."""
    client.send((head + 'Pick: %d\r\n\r\n' % pick).encode('latin-1') + body)
    answer = client.response()
    found = {'status': str(answer.status)}
    for name, value in answer.fields:
        if re.fullmatch(r'(?i)r\d+', name):
            found[name.upper()] = value
    for line in answer.body.decode('latin-1').split('\r\n'):
        name, colon, value = line.partition(': ')
        if colon:
            found[name.upper()] = value
    return found


def refused(program, configuration, folder):
    """Numbers of the expressions that a program refuses: {number: complaint}."""
    text, owners = configuration.text()
    text = text.replace('<fe>', '127.0.0.1:1').replace('<s1>', '127.0.0.1:2')
    head = 'defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n'
    shift = head.count('\n')
    path = os.path.join(folder, 'check.cfg')
    with open(path, 'w') as file:
        file.write(head + text)
    done = subprocess.run([program, '-c', '-f', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = {}
    for line in done.stdout.decode('utf-8', 'replace').split('\n'):
        if 'ALERT' not in line:
            continue
        also = [place for lines in re.findall(r'in line ([0-9, ]+)', line) for place in lines.rstrip(', ').split(', ')]
        for place in re.findall(r'check\.cfg:(\d+)', line) + also:
            if int(place) - shift in owners:
                found[owners[int(place) - shift]] = line
    return found, done.returncode, done.stdout.decode('utf-8', 'replace')


def message(head, rule):
    """The fields that a rule's samples read: those of the answer, or of the request."""
    text = urllib.parse.unquote(re.search('Say: (.*)', head).group(1)) if re.search(r'\b(res\.|shdr|scook)', rule) else \
        head.split('Say:')[0]
    return [(name.lower(), value) for name, _, value in (line.partition(': ') for line in text.split('\r\n')[1:])]


def parts_of(kind, name, head, rule):
    """Texts that a sample of this name may have read."""
    fields = message(head, rule)
    if kind == 'urlp':
        return re.findall(r'=([^&; ]*)', head.split('\r\n')[0])
    if kind.endswith('cook'):
        return [part for field, value in fields if 'cookie' in field for part in re.findall(r'=\s*([^;,]*)', value)]
    return [part for field, value in fields if field == name.lower() for part in value.split(',')]


def reads(pattern, odd, rule, head):
    """Does a sample of the rule, `kind` and name by `pattern`, read a text that is odd?"""
    return any(odd(text.strip()) for kind, name in re.findall(pattern, rule) for text in parts_of(kind, name, head, rule))


def no_number(text):
    return not re.fullmatch(r'-?\d+', text) or abs(int(text)) >= 1 << 31


# What the README lists: each entry is one difference, shown by the rule, what was asked and what was answered.
KNOWN = {
    "HAProxy's text ends at a NUL byte":
        lambda rule, head, ours, theirs: '%00' in (ours or ''),
    'what is no number is its leading digits, or 0':
        lambda rule, head, ours, theirs: reads(r'\b(?:req\.|res\.)?(hdr|cook|urlp)_val\(?([^,)]*)', no_number, rule, head),
    '[::1] is an address':
        lambda rule, head, ours, theirs: reads(r'\b(?:req\.|res\.)?(hdr)_ip\(([^,)]*)', lambda text: '[' in text, rule, head),
    'counts and addresses of connections are the log\'s':
        lambda rule, head, ours, theirs: re.search(r'%({[^}]*})?(ac|bi)\b', rule),
    'an attribute is no cookie':
        lambda rule, head, ours, theirs: re.search(r'\bres\.cook(_cnt|_val)?\b(?!\(\w)|res\.cook_cnt|\bscook\b(?!\(\w)', rule) and
            re.search('Set-Cookie: [^\r]*;', urllib.parse.unquote(head)),
    'no bearer token is no text':
        lambda rule, head, ours, theirs: 'http_auth_bearer(x-none)' in rule or
            'http_auth_bearer(x-auth)' in rule and 'X-Auth: Bearer ' not in head,
    'a method of no name outlives its request':
        lambda rule, head, ours, theirs: head.startswith('FOO') and re.search(r'\bmethod\b', rule),
    'dates before 1970':
        lambda rule, head, ours, theirs: re.search(r'(http_date|utime)(\([^)]*\))?,', rule) or
            re.search(r'http_date|utime', rule) and re.search(r'\b\d{6,}[- ]', theirs or ''),
    'the result of arithmetic is a number':
        lambda rule, head, ours, theirs: re.search(
            r'\b(always_true|always_false|bool|ssl_fc|odd|even|not|stopping|secure_memcmp|req.proto_http|http_first_req|'
            r'fc_rcvd_proxy|srv_is_up|txn.flag)(\([^)]*\))?\)?,(neg|cpl|add|sub|mul|div|mod|and|or|xor)\b', rule),
    'padding is no data, nor is what stands before an empty text padding':
        lambda rule, head, ours, theirs: 'base64,ub64dec' in rule or 'b64dec' in rule and
            any(re.search('=$|^$', text.strip()) for _, value in message(head, rule) for text in re.split('[,;]', value)),
    'a positive number is taken from a negative one':
        lambda rule, head, ours, theirs: 'sub(' in rule and ('9223372036854775807' in (theirs or '') or '%[' not in rule),
    'a value that cannot be converted does not end its list':
        lambda rule, head, ours, theirs: re.match(r'(req\.|res\.)?(s?cook|s?hdr|fhdr|url_?p\w*)(\([^,)]*\))?,', rule) and ours == 'yes',
    'a negative number that is matched is that number alone':
        lambda rule, head, ours, theirs: re.search(r'-m int .*[: ]-\d+($| )', rule),
    'an address is no truth':
        lambda rule, head, ours, theirs: re.match(r'(src|dst|ipv4|[\w.]*hdr_ip|var\(txn.ip\)|url_ip).* -m bool', rule),
    'what is no port is its leading digits, or 0':
        lambda rule, head, ours, theirs: 'port_only' in rule,
    'a packet of MQTT ends where it says, and is none if its properties cannot be read':
        lambda rule, head, ours, theirs: 'mqtt_is_valid' in rule and re.search(r'bin\(20', rule),
    'a token that is read without a path is what is written there':
        lambda rule, head, ours, theirs: re.search(r'jwt_\w+_query($|[,)])', rule),
    'escapes of JSON are resolved, to UTF-8':
        lambda rule, head, ours, theirs: 'json_query' in rule and '\\u' in head,
    '-1 in a map is that number alone':
        lambda rule, head, ours, theirs: re.search(r'map_int(_ip)?\([^)]*\)', rule) and re.search(
            r'\b(neg|cpl|sub|strcmp|and|or|mul|div|mod|\w+_val|urlp|url_param|hdr|fhdr|cook|int|var|map_\w*int)\b.*map_int', rule),
}


def known(rule, writers, head, ours, theirs):
    """Is the difference one of these, in the rule or in one that wrote what it reads?"""
    rules = [rule] + (writers if re.search(r'%({[^}]*})?hrl?\b|capture\.req\.hdr|txn\.[tu]\b|req\.t\b', rule) else [])
    return any(test(some, head, ours, theirs) for test in KNOWN.values() for some in rules)


def compare(program, seed, count, requests, show):
    """Number of differences and of values compared."""
    folder = tempfile.mkdtemp(prefix='expressions.')
    rigs, server = [], None
    try:
        write_maps(folder, seed)
        configuration = Configuration(seed, count, folder)
        while True:
            theirs, code, text = refused('haproxy', configuration, folder)
            for number in theirs:
                configuration.dropped = getattr(configuration, 'dropped', {})
                configuration.dropped[number] = (configuration.drop(number), theirs[number])
            if not theirs:
                if code:
                    sys.exit('haproxy: ' + text)
                break
        full = Configuration(seed, count, folder)
        ours_full, _, _ = refused(program, full, folder)
        for number, (rule, complaint) in getattr(configuration, 'dropped', {}).items():
            if number not in ours_full:
                show('ONLY HAPROXY REFUSES', rule, complaint[:300])
        while True:
            ours, code, text = refused(program, configuration, folder)
            for number, complaint in ours.items():
                show('ONLY WE REFUSE', configuration.drop(number), complaint[:300])
            if not ours:
                if code:
                    sys.exit('penstock: ' + text)
                break
        server = harness.Script(origin)
        for name in (program, 'haproxy'):
            rigs.append(harness.Rig(configuration.text()[0], servers={'s1': server}, nbthread=1, program=name))
        clients = [rig.connect() for rig in rigs]
        r = random.Random(seed + 1)
        groups = (count + count // 6) // GROUP + 1
        different, compared, seen, deadly = 0, 0, set(), set()
        for _ in range(requests):
            head, body = request(r)
            for pick in range(groups):
                if pick in deadly:
                    continue
                answers = [values(clients[0], head, body, pick)]
                try:
                    answers.append(values(clients[1], head, body, pick))
                except (harness.Cut, ConnectionError):
                    # Some chains end HAProxy 2.6: it begins anew and is asked for the rules of that group no more.
                    deadly.add(pick)
                    show('HAPROXY DIED', str(pick), head)
                    rigs.append(harness.Rig(configuration.text()[0], servers={'s1': server}, nbthread=1, program='haproxy'))
                    clients[1] = rigs[-1].connect()
                    continue
                for key in sorted(set(answers[0]) | set(answers[1])):
                    compared += 1
                    mine, his = answers[0].get(key), answers[1].get(key)
                    rule = key if key == 'status' else configuration.rule(int(key[1:]))
                    if mine == his or known(rule, configuration.writers(pick), head, mine, his):
                        continue
                    different += 1
                    if rule not in seen:
                        seen.add(rule)
                        show('DIFFERS', rule, 'ours %r\n    his  %r\n    %s' % (mine, his, head.split('Say:')[0].replace('\r\n', ' | ')))
        return different, compared
    finally:
        for rig in rigs:
            rig.servers = {}
            try:
                rig.close()
            except AssertionError:
                if rig.program == program:
                    raise
        if server:
            server.close()
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program')
    parser.add_argument('--count', type=int, default=400)
    parser.add_argument('--requests', type=int, default=30)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    different, compared = compare(os.path.abspath(options.program), options.seed, options.count, options.requests,
                                  lambda kind, rule, text: print('%s  %s\n    %s' % (kind, rule, text), flush=True))
    print('%d of %d values differ' % (different, compared))
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())

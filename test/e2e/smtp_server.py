#!/usr/bin/python3
"""An SMTP server (python3-aiosmtpd): smtp_server.py ADDRESS CERTIFICATE MAILDIR PORT SUBMISSION EDGE

PORT takes mail from anybody and offers STARTTLS; SUBMISSION wants STARTTLS and a login (the password is
"secret"); EDGE wants a header of the PROXY protocol first. Mail is put into the folder together with who
sent it, as this server sees it. Says one line when it listens, and serves until its standard input ends.
"""
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult

address, certificate, maildir = sys.argv[1:4]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate)


class Handler(Mailbox):

    async def handle_PROXY(self, server, session, envelope, told):
        return True

    def prepare_message(self, session, envelope):
        message = super().prepare_message(session, envelope)
        told = session.proxy_data
        message['X-Client'] = str(told.src_addr) if told else session.peer[0]
        message['X-Server'] = address
        message['X-Tls'] = str(session.ssl is not None)
        return message


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data.password == b'secret')


WAYS = ({'tls_context': tls}, {'tls_context': tls, 'auth_required': True, 'authenticator': login},
        {'proxy_protocol_timeout': 5})
controllers = [Controller(Handler(maildir), address, int(port), ident='Microsoft ESMTP MAIL Service ready',
                          **way) for port, way in zip(sys.argv[4:], WAYS)]
for controller in controllers:
    controller.start()
print('ready', flush=True)
sys.stdin.read()
for controller in controllers:
    controller.stop()

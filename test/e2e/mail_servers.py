"""Real mail servers: Dovecot for IMAP and POP, aiosmtpd for SMTP, one pair on each of two addresses.

A port is the same on both addresses, as on real servers, and so is the one mailbox behind them.
"""
import errno
import getpass
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from harness import HERE, certificate, wait_until

USER, PASSWORD = 'alice@contoso.com', 'secret'
ADDRESSES = ('127.0.0.1', '127.0.0.2')
PROTOCOLS = ('smtp', 'submission', 'edge', 'pop3', 'pop3s', 'imap', 'imaps', 'imap_proxied')

DOVECOT = """
base_dir = %(folder)s/run.%(address)s
state_dir = %(folder)s/run.%(address)s
log_path = %(folder)s/log.%(address)s
protocols = imap pop3
listen = %(address)s
default_internal_user = %(user)s
default_internal_group = %(group)s
default_login_user = %(user)s
first_valid_uid = 1
mail_uid = %(user)s
mail_gid = %(group)s
mail_location = maildir:%(folder)s/mail
ssl_cert = <%(folder)s/cert.pem
ssl_key = <%(folder)s/cert.pem
disable_plaintext_auth = no
auth_failure_delay = 0
imap_idle_notify_interval = 1s
haproxy_trusted_networks = 127.0.0.0/8
login_log_format_elements = user=<%%u> rip=%%r lip=%%l
passdb {
  driver = passwd-file
  args = %(folder)s/users
}
userdb {
  driver = static
  args = home=%(folder)s/mail
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = %(imap)d
  }
  inet_listener imaps {
    port = %(imaps)d
  }
  inet_listener imap_proxied {
    port = %(imap_proxied)d
    haproxy = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = %(pop3)d
  }
  inet_listener pop3s {
    port = %(pop3s)d
  }
}
"""


def reserved_on_both():
    """Sockets that keep one port on both addresses from others, but not from who sets SO_REUSEADDR."""
    while True:
        first, second = socket.socket(), socket.socket()
        for sock in (first, second):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind((ADDRESSES[0], 0))
        try:
            second.bind((ADDRESSES[1], first.getsockname()[1]))
            return first, second
        except OSError as error:
            first.close()
            second.close()
            if error.errno != errno.EADDRINUSE:
                raise


class MailServers:

    def __init__(self):
        # Dovecot serves whom it serves as somebody: root it does not take.
        self.account = pwd.getpwnam('nobody' if os.getuid() == 0 else getpass.getuser())
        self.folder = tempfile.mkdtemp(prefix='penstock-mail.')
        self.reserved, self.ports, self.running = [], {}, {}
        for name in PROTOCOLS:
            pair = reserved_on_both()
            self.reserved += pair
            self.ports[name] = pair[0].getsockname()[1]
        self.write('users', '%s:{PLAIN}%s\n' % (USER, PASSWORD))
        with open(certificate('ex01')) as file:
            self.write('cert.pem', file.read())
        for name in ('', 'mail', *('mail/' + part for part in ('cur', 'new', 'tmp'))):
            path = os.path.join(self.folder, name)
            os.makedirs(path, exist_ok=True)
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        os.chown(path, self.account.pw_uid, self.account.pw_gid)
        return path

    def run(self, *command):
        rights = {'user': self.account.pw_uid, 'group': self.account.pw_gid,
                  'extra_groups': []} if os.getuid() == 0 else {}
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                cwd=self.folder, **rights)

    def start(self, address):
        """Both servers of one address; they listen when this returns."""
        settings = dict(self.ports, folder=self.folder, address=address, user=self.account.pw_name,
                        group=grp.getgrgid(self.account.pw_gid).gr_name)
        path = self.write('dovecot.%s.conf' % address, DOVECOT % settings)
        dovecot = self.run('/usr/sbin/dovecot', '-F', '-c', path)
        # Where he can read it, wherever we stand.
        with open(os.path.join(HERE, 'smtp_server.py')) as file:
            script = self.write('smtp_server.py', file.read())
        smtp = self.run('/usr/bin/python3', script, address,
                        os.path.join(self.folder, 'cert.pem'), os.path.join(self.folder, 'mail'),
                        *(str(self.ports[name]) for name in ('smtp', 'submission', 'edge')))
        self.running[address] = (dovecot, smtp)
        said = smtp.stdout.readline()
        assert said == 'ready\n', said + smtp.stdout.read()
        wait_until(lambda: self.listens(address, dovecot), 'dovecot to listen')
        return self

    def listens(self, address, dovecot):
        if dovecot.poll() is not None:
            raise AssertionError('dovecot ended: %s%s' % (dovecot.stdout.read(), self.told(address)))
        with socket.socket() as sock:
            return sock.connect_ex((address, self.ports['pop3s'])) == 0

    def told(self, address):
        """What dovecot has logged."""
        path = os.path.join(self.folder, 'log.' + address)
        if not os.path.exists(path):
            return ''
        with open(path) as file:
            return file.read()

    def stop(self, address):
        """As after a crash: what was open ends, and nobody listens any more."""
        for process in self.running.pop(address, ()):
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def close(self):
        for address in list(self.running):
            self.stop(address)
        for sock in self.reserved:
            sock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

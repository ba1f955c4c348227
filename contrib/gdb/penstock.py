"""Helps for gdb, at a core dump or a living process.

    gdb -x contrib/gdb/penstock.py PROGRAM CORE
    (gdb) penstock workers
    (gdb) penstock clients          of all workers; `penstock clients 0` of the first
    (gdb) penstock transactions     the same, only those with a request under way, with all that is known of it

Slice, Ref, Owned, List, Result and SocketAddress are printed as what they hold. The program must have
been built with debug information (--buildtype=debugoptimized), and libstdc++'s own printers be there, as
Debian's gdb has them.
"""
import re
import socket

import gdb
import gdb.printing

MOST_SHOWN = 200    # Bytes of a slice, elements of a list.


def name_of(type_):
    return str(type_.strip_typedefs().unqualified())


def pointer_in(owned):
    """The pointer that a unique_ptr, an Owned or a Ref holds."""
    known = {field.name for field in owned.type.strip_typedefs().fields()}
    if 'object_' in known:
        return owned['object_']
    held = owned['_M_t']['_M_t']    # A tuple of the pointer and what deletes it, kept in its bases.
    for base in ('std::_Tuple_impl<0', 'std::_Head_base<0'):
        held = held[next(field for field in held.type.strip_typedefs().fields() if field.name.startswith(base))]
    return held['_M_head_impl']


def text_of(view):
    """A string, a string_view or a Slice as text."""
    kind = name_of(view.type)
    if 'basic_string_view' in kind:
        begin, size = view['_M_str'], int(view['_M_len'])
    elif 'basic_string' in kind:
        begin, size = view['_M_dataplus']['_M_p'], int(view['_M_string_length'])
    else:
        begin, size = view['begin_'], int(view['size_'])
    if size == 0:
        return ''
    shown = bytes(gdb.selected_inferior().read_memory(int(begin), min(size, MOST_SHOWN)))
    return shown.decode('latin-1') + ('...' if size > MOST_SHOWN else '')


def elements(list_):
    """The elements of an intrusive List: each derives from the list's node."""
    element, tag = (list_.type.strip_typedefs().template_argument(n) for n in (0, 1))
    root = list_['root_']
    at = root['next_']
    while int(at) != int(root.address):
        yield at.cast(element.pointer()).dereference()
        at = at['next_']


def values_of(map_):
    """Where the values of a std::map lie: its nodes in order, each three pointers and a colour before the pair."""
    key, value = (map_.type.strip_typedefs().template_argument(n) for n in (0, 1))
    header = map_['_M_t']['_M_impl']['_M_header']

    def walk(node):
        if int(node) != 0:
            yield from walk(node['_M_left'])
            place = int(node) + node.dereference().type.sizeof + key.sizeof
            yield gdb.Value(place).cast(value.pointer()).dereference()
            yield from walk(node['_M_right'])
    yield from walk(header['_M_parent'])


class SlicePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return 'Slice of %d: %s' % (int(self.value['size_']), repr(text_of(self.value)))


class PointerPrinter:
    """Ref<T> and Owned<T>: where it points, and to what (the class it was made as)."""
    def __init__(self, value):
        self.value = value

    def to_string(self):
        pointer = pointer_in(self.value)
        if int(pointer) == 0:
            return 'none'
        uses = ''
        if 'object_' in [field.name for field in self.value.type.strip_typedefs().fields()]:
            uses = ', %d uses' % int(pointer.dereference()['uses_'])
        return '(%s *) %#x%s' % (pointer.dynamic_type.target(), int(pointer), uses)


class ListPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return 'List of %s: %d' % (self.value.type.strip_typedefs().template_argument(0),
                                   sum(1 for _ in elements(self.value)))

    def children(self):
        for number, element in enumerate(elements(self.value)):
            if number == MOST_SHOWN:
                return
            yield '[%d]' % number, element.address


class ResultPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        fields = {field.name for field in self.value.type.strip_typedefs().fields()}
        error = self.value['error_']
        if 'value_' not in fields:    # Result<void>
            done = not bool(error['_M_payload']['_M_engaged'])
            return 'done' if done else 'Error: ' + text_of(error['_M_payload']['_M_payload']['_M_value']['text'])
        if bool(self.value['value_']['_M_payload']['_M_engaged']):
            return self.value['value_']['_M_payload']['_M_payload']['_M_value']
        return 'Error: ' + text_of(error['text'])


class AddressPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return address_text(self.value)


def address_text(address):
    """A SocketAddress; a long one lies elsewhere."""
    held = pointer_in(address['long_'])
    place = int(held) if int(held) != 0 else int(address['short_'].address)
    data = bytes(gdb.selected_inferior().read_memory(place, 112 if int(held) != 0 else 28))
    family = int.from_bytes(data[:2], 'little')
    port = int.from_bytes(data[2:4], 'big')
    if family == socket.AF_INET:
        return '%s:%d' % (socket.inet_ntop(socket.AF_INET, data[4:8]), port)
    if family == socket.AF_INET6:
        return '[%s]:%d' % (socket.inet_ntop(socket.AF_INET6, data[8:24]), port)
    if family == socket.AF_UNIX:
        return 'unix@' + data[2:].split(b'\0')[0].decode('latin-1')
    return 'no address'


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter('penstock')
    printers.add_printer('Slice', '^penstock::Slice$', SlicePrinter)
    printers.add_printer('Ref', '^penstock::Ref<.*>$', PointerPrinter)
    printers.add_printer('Owned', '^std::unique_ptr<.*, penstock::LetGo>$', PointerPrinter)
    printers.add_printer('List', '^penstock::List<.*>$', ListPrinter)
    printers.add_printer('Result', '^penstock::Result<.*>$', ResultPrinter)
    printers.add_printer('SocketAddress', '^penstock::SocketAddress$', AddressPrinter)
    gdb.printing.register_pretty_printer(gdb.current_objfile(), printers, replace=True)


def workers():
    """Each worker, found on the stack of its thread: a worker runs in one of its own members."""
    found = {}
    before = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        frame = gdb.newest_frame()
        while frame is not None:
            if re.match(r'penstock::Worker::', frame.name() or ''):
                try:
                    this = frame.read_var('this')
                    while this.type.strip_typedefs().target().name != 'penstock::Worker':
                        this = this.dereference()['__this']    # A lambda of a worker's.
                    worker = this.dereference()
                    found[int(worker['index_'])] = worker
                except (ValueError, gdb.error, AttributeError):
                    pass
            frame = frame.older()
    if before is not None:
        before.switch()
    return [found[index] for index in sorted(found)]


def station_of(worker):
    pointer = pointer_in(worker['station_'])
    return pointer.dereference() if int(pointer) != 0 else None


def frontends_of(worker):
    station = station_of(worker)
    if station is None:
        return
    for held in values_of(station['frontends_']):
        yield pointer_in(held).dereference()
    closing = station['closing_']['_M_impl']
    at = closing['_M_start']
    while at != closing['_M_finish']:
        yield pointer_in(at.dereference()).dereference()
        at += 1


def transactions_of(client):
    return list(elements(client['transactions_']))


def client_line(client):
    tunnel, greeter = pointer_in(client['tunnel_']), pointer_in(client['greeter_'])
    doing = ', '.join(request_line(transaction) for transaction in transactions_of(client))
    if not doing:
        doing = 'a tunnel' if int(tunnel) != 0 else 'being greeted' if int(greeter) != 0 else 'between requests'
    return '(penstock::Client *) %#x  from %s%s  %s' % (
        int(client.address), source_of(client), ' TLS' if speaks_tls(client['facts_']['tls']) else '', doing)


def speaks_tls(tls):
    return int(tls['session_']) != 0 or int(pointer_in(tls['facts_'])) != 0


def source_of(client):
    """The client's address, if anybody has asked the system for it by now."""
    ends = client['facts_']['ends']
    if int(ends) == 0:
        return '?'
    connection = ends.cast(ends.dynamic_type).dereference()
    known = pointer_in(connection['ends_'])
    return address_text(known.dereference()['peer']) if int(known) != 0 else '?'


def request_line(transaction):
    subject = transaction['subject_']
    step = str(transaction['step_']).split('::')[-1]
    return '%s %s  %s, backend %s, server %s' % (
        text_of(subject['received_method']) or '-', text_of(subject['received_target']) or '-', step,
        text_of(subject['backend']) or '-', text_of(subject['server']) or '-')


class Penstock(gdb.Command):
    """What the workers of a penstock hold: `penstock workers`, `penstock clients [WORKER]`, `penstock transactions [WORKER]`."""
    def __init__(self):
        super().__init__('penstock', gdb.COMMAND_DATA, prefix=True)


class Workers(gdb.Command):
    """Each worker with its frontends and the number of their clients."""
    def __init__(self):
        super().__init__('penstock workers', gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for worker in workers():
            station = station_of(worker)
            print('worker %d  (penstock::Worker *) %#x  %s' % (
                int(worker['index_']), int(worker.address),
                'no station' if station is None else '%d clients%s' % (
                    int(station['clients_']), ', draining' if bool(station['draining_']) else '')))
            for frontend in frontends_of(worker):
                print('  (penstock::Frontend *) %#x  %d clients' % (
                    int(frontend.address), sum(1 for _ in elements(frontend['clients_']))))


def chosen(argument):
    return [worker for worker in workers() if not argument.strip() or int(worker['index_']) == int(argument)]


def clients_of(worker):
    for frontend in frontends_of(worker):
        yield from elements(frontend['clients_'])


class Clients(gdb.Command):
    """Each client: where it comes from, what it is doing."""
    def __init__(self):
        super().__init__('penstock clients', gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for worker in chosen(argument):
            print('worker %d' % int(worker['index_']))
            for client in clients_of(worker):
                print('  ' + client_line(client))


class Transactions(gdb.Command):
    """Each request under way, its times and what was decided about it."""
    def __init__(self):
        super().__init__('penstock transactions', gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for worker in chosen(argument):
            for client in clients_of(worker):
                for transaction in transactions_of(client):
                    log = transaction['subject_']['log']
                    print('worker %d  (penstock::Transaction *) %#x' % (
                        int(worker['index_']), int(transaction.address)))
                    print('  ' + client_line(client))
                    print('  status %d, %d bytes to the client, %d from it, %d retries' % (
                        int(log['status']), int(log['bytes_read']), int(log['bytes_uploaded']), int(log['retries'])))


gdb.execute('set language c++')    # A core mostly stands in a call of the C library.
register()
for command in (Penstock, Workers, Clients, Transactions):
    command()

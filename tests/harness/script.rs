//! Scripts that programs of a tree run: what no shell can do by itself.

use std::fs;

use super::nest::Nest;

/// Listens on a port of the loopback device, of IPv4 or of IPv6 behind `6`.
const LISTEN: &str = r#"use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);
my ($port, $version) = @ARGV;
my $address = $version
    ? pack_sockaddr_in6($port, inet_pton(AF_INET6, "::1"))
    : pack_sockaddr_in($port, INADDR_LOOPBACK);
socket(my $listener, $version ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1) or die $!;
bind($listener, $address) or die $!;
listen($listener, 5) or die $!;
while (accept(my $connection, $listener)) { close $connection; }
"#;

/// Sends `READY=1` itself, and stays.
const NOTIFY: &str = r#"use Socket;
my $name = $ENV{NOTIFY_SOCKET};
$name =~ s/^@/\0/;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
connect($socket, pack("S a*", AF_UNIX, $name)) or die $!;
send($socket, "READY=1", 0) or die $!;
sleep 1000 while 1;
"#;

/// Puts `listen.pl` and `notify.pl` into the directory of a nest. They need `installed("perl")`.
pub(crate) fn write_scripts(nest: &Nest) {
    for (name, text) in [("listen.pl", LISTEN), ("notify.pl", NOTIFY)] {
        fs::write(nest.directory.path().join(name), text).expect("the directory is writable");
    }
}

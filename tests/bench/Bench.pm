# tests/bench/Bench.pm: what the measurements of this directory have in common.
package Bench;
use strict;
use warnings;
use Exporter qw(import);
use POSIX ();
use Time::HiRes qw(sleep);

our @EXPORT = qw(spew slurp median start start_daemon stop scatter);

# Processes, and who started them: they end with it. Closing the handle of the one that scatters memory waits for it.
my (%running, $scattering);
END {
	my $status = $?;
	stop(grep { $running{$_} == $$ } keys %running);
	$? = $status;
}
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

sub spew { my ($name, $text) = @_; open my $f, '>', $name or die "$name: $!\n"; print $f $text; close $f or die "$name: $!\n" }
sub slurp { my $name = shift; open my $f, '<', $name or return ''; local $/; return <$f> // '' }
sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2] }

sub listening {
	my $hex = sprintf ':%04X', shift;
	for (map { split /\n/, slurp($_) } '/proc/net/tcp', '/proc/net/tcp6') {
		my @f = split;
		return 1 if $f[1] =~ /$hex$/ && $f[3] eq '0A';
	}
	return 0;
}

# Start a server, and wait until ready, a function, returns true. What it prints goes to log. Returns its process.
sub launch {
	my ($log, $ready, @command) = @_;
	spew($log, '');
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		exec @command or POSIX::_exit(127);
	}
	$running{$pid} = $$;
	for (1 .. 1000) {
		return $pid if $ready->();
		die "@command: ended at once:\n" . slurp($log) if waitpid($pid, POSIX::WNOHANG) > 0 && delete $running{$pid};
		sleep 0.01;
	}
	die "@command: does not listen:\n" . slurp($log);
}

# start LOG, PORT, COMMAND...: a server that listens on PORT.
sub start {
	my ($log, $port, @command) = @_;
	return launch($log, sub { listening($port) }, @command);
}

# start_daemon LADE, DIR, SETTINGS, MODULES: a daemon of lade that keeps all it needs in DIR, its log in DIR/log. Returns its process and its port.
sub start_daemon {
	my ($lade, $dir, $settings, $modules) = @_;
	my $port;
	spew("$dir/conf", "listen = 127.0.0.1:0\nstate = $dir/daemon\nstatus = $dir/status\n$settings$modules");
	my $pid = launch("$dir/log", sub { ($port) = slurp("$dir/log") =~ /listening on \S+:(\d+)/ }, $lade, 'daemon', '--config', "$dir/conf");
	return ($pid, $port);
}

# End servers, in this order.
sub stop {
	for (@_) { kill 'TERM', $_; waitpid $_, 0; delete $running{$_} }
}

# scatter BUILD, GIB: on a virtual machine, keep so much free memory from its host until we end, so that it costs all the same (see scatter.c).
sub scatter {
	my ($build, $gib) = @_;
	return unless $gib;
	my $pid = open($scattering, '-|', "$build/tests/bench/scatter", $gib) // die "scatter: $!\n";
	$running{$pid} = $$;
	<$scattering> // die "scatter failed\n";
}

1;

package signals

// Action is what a signal does to a process that has arranged nothing for it:
// the default action of signal(7).
type Action string

// The default actions. There is a sixth in name only: CONT continues a stopped
// process whatever its disposition is, and does nothing besides.
const (
	Ends     Action = "ends"      // the process, with status 128+n in a shell
	Dumps    Action = "dumps"     // ends it, with a core dump where limits allow one
	Stops    Action = "stops"     // until CONT
	Goes     Action = "continues" // a stopped process
	Nothing  Action = "nothing"
	Reserved Action = "reserved" // it ends the process, but is the C library's own
)

// About is what there is to know of one signal.
type About struct {
	Signal  Signal
	Default Action
	Fault   bool   // the kernel raises it for what the thread itself just did, and then it cannot be ignored or blocked
	Sender  string // who sends it
	Use     string // what programs use it for
}

// Catchable says whether a program can catch, block or ignore it.
func (a About) Catchable() bool { return a.Signal != KILL && a.Signal != STOP }

// Default is the default action of a signal.
func (s Signal) Default() Action { return s.About().Default }

// About gives what there is to know of a signal from 1 to 64. Real-time signals
// have no meaning of their own.
func (s Signal) About() About {
	switch {
	case s >= 1 && int(s) <= len(catalogue):
		return catalogue[s-1]
	case s < RTMIN:
		return About{s, Reserved, false, "the C library", "threads: glibc has 32 and 33, musl 34 as well; Go uses 33"}
	}
	return About{s, Ends, false, "kill, sigqueue, a timer", "what programs agree on; queues, with a value"}
}

// Catalogue lists the standard signals in order of their number. Numbers and
// actions are the same on amd64, arm64 and riscv64 (signal(7), the column
// x86/ARM; alpha, mips, parisc and sparc differ).
func Catalogue() []About { return catalogue[:] }

var catalogue = [...]About{
	{1, Ends, false, "the kernel, when the terminal goes away; people", "daemons: read the configuration again"},
	{2, Ends, false, "the terminal: Ctrl-C, to the foreground group", "interrupt; PostgreSQL: fast shutdown"},
	{3, Dumps, false, `the terminal: Ctrl-\, to the foreground group`, "dump and end; nginx, php-fpm: graceful stop; Java, Go: stacks"},
	{4, Dumps, true, "the processor: no such instruction", "crash"},
	{5, Dumps, true, "a breakpoint, a debugger", "debugging"},
	{6, Dumps, false, "abort(3); a watchdog", "a failed assertion"},
	{7, Dumps, true, "the processor: no such memory, a file cut short under mmap", "crash"},
	{8, Dumps, true, "the processor: division by zero", "crash"},
	{9, Ends, false, "docker, kubelet, systemd after the grace time; the OOM killer", "the last resort"},
	{10, Ends, false, "people, programs", "own use; nginx: reopen logs, HAProxy: soft stop, Node: debugger"},
	{11, Dumps, true, "the processor: memory that is not the program's", "crash"},
	{12, Ends, false, "people, programs", "own use; nginx: new binary, php-fpm: reload"},
	{13, Ends, false, "the kernel, on a write to a pipe or socket without reader", "ends `yes | head`; servers ignore it and see EPIPE"},
	{14, Ends, false, "alarm(2), setitimer(2)", "timeouts"},
	{15, Ends, false, "kill without -s, docker, kubelet, systemd, make, supervise", "please end"},
	{16, Ends, false, "nobody", "none; x87 coprocessors once"},
	{17, Nothing, false, "the kernel, when a child ends, stops or continues", "collect children; ignored explicitly: no zombies"},
	{18, Goes, false, "a shell: fg and bg; people", "continue"},
	{19, Stops, false, "people, programs", "stop without asking"},
	{20, Stops, false, "the terminal: Ctrl-Z, to the foreground group", "stop; editors restore the terminal first"},
	{21, Stops, false, "the kernel: a background process reads from its terminal", "job control"},
	{22, Stops, false, "the kernel: a background process sets up its terminal, or writes with stty tostop", "job control"},
	{23, Nothing, false, "the kernel: urgent data at a socket", "rare; Go sends it to its own threads to preempt them"},
	{24, Dumps, false, "the kernel: RLIMIT_CPU used up, each second", "end before KILL comes"},
	{25, Dumps, false, "the kernel: a file grew beyond RLIMIT_FSIZE", "Python ignores it and sees EFBIG"},
	{26, Ends, false, "setitimer(2), user time", "timers"},
	{27, Ends, false, "setitimer(2), processor time", "profilers"},
	{28, Nothing, false, "the kernel: the terminal has another size", "draw anew; Apache httpd: graceful stop"},
	{29, Ends, false, "the kernel: a descriptor with O_ASYNC is ready", "rare"},
	{30, Ends, false, "init's power monitor, lxc-stop", "init: shut down"},
	{31, Dumps, true, "the kernel: seccomp forbids a system call", "sandboxes"},
}

package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

// A probe is a supervised program that the test holds on a line, a unix
// socket: it tells who it is and each signal that it gets, and does what it is
// told. It ends by itself when the line breaks, so that none outlives its test,
// however far it has moved away.
//
//	probe NAME [SIGNAL=STATUS...]    end with STATUS at SIGNAL; all others only tell
//	probe NAME SIGNAL=default        do not catch it
//
// It understands, one a line:
//
//	exit STATUS          end
//	spawn NAME ARG...    start another probe, in the same group
//	escape NAME ARG...   start another probe in a session of its own
//	fork PROGRAM ARG...  start a program, and tell when it has ended
//	stop                 stop, as by a key
//	read                 read a line from standard input and tell it
//	terminal             read a line from the terminal, whatever standard input is
//	write TEXT           write a line to standard output, and tell how that went
//	front                tell the terminal's foreground group
//	size                 tell the terminal's rows and columns

// report is what a probe tells.
type report struct {
	What string // hello, signal, line, written, front, size, ended

	// hello
	Name                 string
	PID, PPID, PGID, SID int

	// signal
	Signal signals.Signal `json:",omitempty"`
	Origin string
	From   int
	UID    int
	Value  int64

	Text   string // line, written, ended
	Number int    // front; rows
	Other  int    // columns
}

// lineVariable names the socket.
const lineVariable = "PROBE_LINE"

// probeLife bounds the life of a probe, whatever happens.
const probeLife = 10 * time.Minute

func playProbe() {
	time.AfterFunc(probeLife, func() { os.Exit(99) })
	receiver, err := signals.Receive()
	if err != nil {
		die(err)
	}
	name, ends := os.Args[1], map[signals.Signal]int{}
	for _, rule := range os.Args[2:] {
		left, right, _ := strings.Cut(rule, "=")
		s, err := signals.Parse(left)
		if err != nil {
			die(err)
		}
		if right == "default" {
			if err := catchNot(s); err != nil {
				die(err)
			}
			continue
		}
		if ends[s], err = strconv.Atoi(right); err != nil {
			die(err)
		}
	}
	line, err := net.Dial("unix", os.Getenv(lineVariable))
	if err != nil {
		die(err)
	}
	tell := make(chan report)
	go func() {
		for r := range tell {
			b, _ := json.Marshal(r)
			if _, err := line.Write(append(b, '\n')); err != nil {
				os.Exit(98)
			}
			if r.What == "signal" {
				if status, ok := ends[r.Signal]; ok {
					os.Exit(status)
				}
			}
		}
	}()
	sid, _ := unix.Getsid(0)
	tell <- report{What: "hello", Name: name, PID: os.Getpid(), PPID: os.Getppid(), PGID: unix.Getpgrp(), SID: sid}
	go func() {
		die(receiver.Each(func(r signals.Received) {
			tell <- report{What: "signal", Signal: r.Signal, Origin: r.Origin.String(), From: r.PID, UID: r.UID, Value: r.Value}
		}))
	}()
	input := bufio.NewReader(os.Stdin)
	for orders := bufio.NewScanner(line); orders.Scan(); {
		obey(strings.Fields(orders.Text()), input, tell)
	}
	os.Exit(97) // the test is over
}

// catchNot sets a signal's disposition to the default, past Go's runtime.
func catchNot(s signals.Signal) error {
	var action [4]uintptr // SIG_DFL, no flags, no restorer, empty mask
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

func obey(words []string, input *bufio.Reader, tell chan<- report) {
	switch words[0] {
	case "exit":
		status, _ := strconv.Atoi(words[1])
		os.Exit(status)
	case "spawn", "escape":
		cmd := exec.Command(os.Args[0], words[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: words[0] == "escape"}
		if err := cmd.Start(); err != nil {
			die(err)
		}
		go func() { _ = cmd.Wait() }()
	case "fork":
		cmd := exec.Command(words[1], words[2:]...)
		cmd.Stderr = os.Stderr
		go func() {
			err := cmd.Run()
			tell <- report{What: "ended", Text: fmt.Sprint(err)}
		}()
	case "stop":
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	case "read":
		go func() {
			text, err := input.ReadString('\n')
			if err != nil {
				text = err.Error()
			}
			tell <- report{What: "line", Text: strings.TrimSuffix(text, "\n")}
		}()
	case "write":
		_, err := fmt.Println(strings.Join(words[1:], " "))
		tell <- report{What: "written", Text: fmt.Sprint(err)}
	case "terminal":
		go func() {
			tty, err := os.Open("/dev/tty")
			if err != nil {
				die(err)
			}
			text, err := bufio.NewReader(tty).ReadString('\n')
			if err != nil {
				text = err.Error()
			}
			tell <- report{What: "line", Text: strings.TrimSuffix(text, "\n")}
		}()
	case "front":
		n, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
		tell <- report{What: "front", Number: n, Text: fmt.Sprint(err)}
	case "size":
		ws, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		if err != nil {
			die(err)
		}
		tell <- report{What: "size", Number: int(ws.Row), Other: int(ws.Col)}
	default:
		die(fmt.Errorf("a probe cannot %q", words))
	}
}

// playAsInit makes a new PID namespace fit to live in, and becomes a program:
//
//	as-init proc|noproc|asis PROGRAM ARG...
func playAsInit() {
	if os.Args[1] != "asis" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			die(fmt.Errorf("making mounts private: %w", err))
		}
	}
	var err error
	switch os.Args[1] {
	case "proc":
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	case "noproc":
		err = unix.Mount("tmpfs", "/proc", "tmpfs", 0, "")
	}
	if err != nil {
		die(fmt.Errorf("mounting /proc: %w", err))
	}
	die(syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
}

// playMasked blocks signals and becomes a program:
//
//	masked SIGNAL,SIGNAL... PROGRAM ARG...
func playMasked() {
	var set unix.Sigset_t
	for _, name := range strings.Split(os.Args[1], ",") {
		s, err := signals.Parse(name)
		if err != nil {
			die(err)
		}
		set.Val[0] |= 1 << (s - 1)
	}
	runtime.LockOSThread() // the mask is the thread's, and execve(2) keeps it
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		die(err)
	}
	// An URG by which Go's runtime wanted this thread would stay pending, and the
	// program would get it.
	var now unix.Timespec
	for e := unix.Errno(0); e == 0; {
		_, _, e = unix.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, uintptr(unsafe.Pointer(&now)), 8, 0, 0)
	}
	die(syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
}

// playClosing closes standard streams and becomes a program:
//
//	closing 012 PROGRAM ARG...
func playClosing() {
	for _, c := range os.Args[1] {
		unix.Close(int(c - '0'))
	}
	die(syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
}

// playListing writes the number and the target of each descriptor that it got to a
// file, and ends with status 5:
//
//	listing FILE
func playListing() {
	var text strings.Builder
	for fd := range 1024 { // before anything opens one more
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
			fmt.Fprintln(&text, fd, to)
		}
	}
	if err := os.WriteFile(os.Args[1], []byte(text.String()), 0o644); err != nil {
		die(err)
	}
	os.Exit(5)
}

func die(err error) {
	fmt.Fprintln(os.Stderr, strings.Join(slices.Concat([]string{os.Args[0]}, os.Args[1:min(len(os.Args), 2)]), " ")+":", err)
	os.Exit(96)
}

package test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// A speaker says something of a service, through go-systemd or, what that
// can't, by itself.
//
//	speaker say TEXT...              datagrams of TEXT
//	speaker main TEXT...             the same, then wait for TERM
//	speaker ping                     READY=1, then WATCHDOG=1 at a third of the time asked for
//	speaker store NAME FILE TEXT     FDSTORE=1 with FILE, opened, or &N for descriptor N, and TEXT besides
//	speaker given PROGRAM ARG...     tell which descriptors came as LISTEN_FDS, and become PROGRAM
//	speaker daemon stays|leaves      start another process, which says that it is the main one now
//	speaker forge ADDRESS UID TEXT   a datagram to another's address as another user
//	speaker garbage                  whatever no service should send
//	speaker flood N TEXT             so many datagrams
func playSpeaker() {
	time.AfterFunc(probeLife, func() { os.Exit(99) })
	words := os.Args[2:]
	if os.Args[1] == "main" || strings.HasPrefix(os.Args[1], "daemon") {
		signal.Notify(term, syscall.SIGTERM)
	}
	switch os.Args[1] {
	case "say", "main":
		for _, text := range words {
			speak(text)
		}
		if os.Args[1] == "main" {
			untilTerm()
		}
	case "ping":
		every, err := daemon.SdWatchdogEnabled(false) // which minds WATCHDOG_PID
		if err != nil || every == 0 {
			die(fmt.Errorf("no watchdog: %v, %v", every, err))
		}
		fmt.Printf("every=%s\n", every)
		speak(daemon.SdNotifyReady)
		for range time.Tick(every / 3) {
			speak(daemon.SdNotifyWatchdog)
		}
	case "store":
		var fd int
		if _, err := fmt.Sscanf(words[1], "&%d", &fd); err != nil {
			f, err := os.Open(words[1])
			if err != nil {
				die(err)
			}
			fd = int(f.Fd())
		}
		speakWith("FDSTORE=1\nFDNAME="+words[0]+"\n"+words[2], fd)
	case "given":
		tellGiven()
		die(syscall.Exec(words[0], words, os.Environ()))
	case "daemon":
		becomeDaemon(words[0] == "stays")
	case "daemon-itself":
		speak("MAINPID=" + strconv.Itoa(os.Getpid()) + "\nREADY=1")
		fmt.Printf("daemon=%d\n", os.Getpid())
		unix.Close(3) // its parent waits for that
		untilTerm()
	case "forge":
		uid, _ := strconv.Atoi(words[1])
		if err := unix.Setreuid(uid, uid); err != nil {
			die(err)
		}
		_ = os.Setenv("NOTIFY_SOCKET", words[0])
		speak(words[2])
		if len(words) > 3 { // "stay": one that is gone is believed if of the right user
			untilTerm()
		}
	case "garbage":
		speakGarbage()
	case "flood":
		n, _ := strconv.Atoi(words[0])
		for range n {
			speak(words[1])
		}
	default:
		die(errors.New("a speaker cannot do that"))
	}
}

// term is caught from the beginning: whoever hears a speaker may send it.
var term = make(chan os.Signal, 1)

func untilTerm() {
	<-term
	fmt.Println("ended by TERM")
	os.Exit(0)
}

func speak(text string) {
	if ok, err := daemon.SdNotify(false, text); err != nil || !ok {
		die(fmt.Errorf("saying %q: %v, %v", text, ok, err))
	}
}

// speakWith sends a datagram with descriptors.
func speakWith(text string, fds ...int) {
	c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		die(err)
	}
	defer unix.Close(c)
	to := &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}
	if err := unix.Sendmsg(c, []byte(text), unix.UnixRights(fds...), to, 0); err != nil {
		die(fmt.Errorf("saying %q with descriptors: %w", text, err))
	}
}

// tellGiven tells of each descriptor "given=NAME KIND CONTENT".
func tellGiven() {
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if pid := os.Getenv("LISTEN_PID"); n > 0 && pid != strconv.Itoa(os.Getpid()) {
		die(fmt.Errorf("LISTEN_PID=%s, and this is %d", pid, os.Getpid()))
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range n {
		fd := 3 + i
		kind, content := "socket", ""
		if _, err := unix.Getsockname(fd); err != nil {
			kind = "file"
			b := make([]byte, 100)
			n, _ := unix.Pread(fd, b, 0)
			content = string(b[:max(n, 0)])
		}
		fmt.Printf("given=%d %s %s %s\n", fd, names[i], kind, content)
	}
	fmt.Printf("given=%d in all\n", n)
}

// becomeDaemon starts itself again, in a session of its own, and waits until
// that has said that it is the main process. It then ends, or stays as its
// parent and takes its exit status.
func becomeDaemon(stays bool) {
	said, tell, err := os.Pipe()
	if err != nil {
		die(err)
	}
	cmd := exec.Command(os.Args[0], "daemon-itself")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{tell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		die(err)
	}
	tell.Close()
	_, _ = io.Copy(io.Discard, said)
	if stays {
		_ = cmd.Wait()
		fmt.Printf("parent saw: %s\n", cmd.ProcessState)
		untilTerm()
	}
	os.Exit(0)
}

// speakGarbage sends what is refused, and ends with a word that is not.
func speakGarbage() {
	null, err := os.Open(os.DevNull)
	if err != nil {
		die(err)
	}
	many := make([]int, 253)
	for i := range many {
		many[i] = int(null.Fd())
	}
	speak("STATUS=" + strings.Repeat("long", 2000))
	speak("STATUS=nul\x00inside")
	speak("STATUS=not \xff text")
	speak("no equals sign")
	speak("WATCHDOG_USEC=-1\nMAINPID=0")
	speakWith("READY=0", many...)
	speakWith("BARRIER=1\nREADY=1", many[:2]...)
	speak("")
	speak("STATUS=after all that")
}

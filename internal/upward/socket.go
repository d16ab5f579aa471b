package upward

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is where our own parent wants to hear from us. It is for one goroutine
// at a time.
type Socket struct {
	fd       int
	to       unix.SockaddrUnix
	environ  []string // by which we were asked
	failures int
	last     error // the last of them
}

// Asked is what our parent asked for in the environment.
type Asked struct {
	Socket   *Socket       // nil: nothing
	Watchdog time.Duration // how long we may be silent; 0: as long as we like
}

// Listen finds out what our parent asked for, and takes the variables that say
// so out of our environment: they are meant for us and for nobody below us. An
// error says which of them makes no sense.
func Listen() (asked Asked, err error) {
	socket, usec, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name)
	}
	if socket == "" {
		return asked, nil // a watchdog without it could not hear us
	}
	if asked.Socket, err = open(socket); err != nil {
		return asked, err
	}
	for name, value := range map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid} {
		if value != "" {
			asked.Socket.environ = append(asked.Socket.environ, name+"="+value)
		}
	}
	asked.Watchdog, err = watchdog(usec, pid, os.Getpid())
	return asked, err
}

// watchdog reads how long we may be silent (sd_watchdog_enabled(3)); 0: as long as
// we like, or somebody else is meant.
func watchdog(usec, pid string, own int) (time.Duration, error) {
	if usec == "" || pid != "" && pid != strconv.Itoa(own) {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(maxWatchdog/time.Microsecond) {
		return 0, fmt.Errorf("WATCHDOG_USEC=%s is no number of microseconds; no signs of life are sent", usec)
	}
	return time.Duration(n) * time.Microsecond, nil
}

// maxWatchdog is more than anybody means: systemd's "infinity" is never passed on.
const maxWatchdog = 1000 * time.Hour

// open makes a socket from which datagrams go to path, or to the abstract name
// after an "@". It is not connected: who listens may be replaced.
func open(path string) (*Socket, error) {
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "@") || len(path) < 2 {
		return nil, fmt.Errorf("NOTIFY_SOCKET=%s is neither an absolute path nor an abstract name with an @ before it; nothing is reported upward", path)
	}
	const most = 107 // and a NUL fit into a sockaddr_un, see unix(7)
	if len(path) > most {
		return nil, fmt.Errorf("NOTIFY_SOCKET is longer than a socket's name can be (%d bytes): %s; nothing is reported upward", most, path)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket to report upward: %w", err)
	}
	return &Socket{fd: fd, to: unix.SockaddrUnix{Name: path}}, nil
}

// Environ gives the variables that Listen has taken away, for the next image of this
// process.
func (s *Socket) Environ() []string { return s.environ }

// Send sends one datagram, now or not at all. The kernel adds our pid, uid and
// gid (SCM_CREDENTIALS), by which systemd knows us.
func (s *Socket) Send(text string) error {
	for {
		err := unix.Sendto(s.fd, []byte(text), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, &s.to)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			s.failures++
			s.last = err
		}
		return err
	}
}

// Failures counts the datagrams that could not be sent, and says why the last
// could not.
func (s *Socket) Failures() (int, error) { return s.failures, s.last }

// Close gives the socket up.
func (s *Socket) Close() { unix.Close(s.fd) }

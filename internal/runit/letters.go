package runit

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Letters waits for letters in the pipes of many services, with one goroutine and
// without a thread: Go's own poller waits for the epoll that waits for all.
type Letters struct {
	queue *os.File // the epoll
	epoll int      // the same
}

// NewLetters makes one that waits for nothing yet.
func NewLetters() (*Letters, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("preparing to read letters: %w", err)
	}
	_ = unix.SetNonblock(epoll, true) // cannot fail for a descriptor of ours
	l := &Letters{queue: os.NewFile(uintptr(epoll), "letters"), epoll: epoll}
	if err := l.queue.SetReadDeadline(time.Time{}); err != nil {
		l.queue.Close()
		return nil, fmt.Errorf("preparing to read letters: %w", err)
	}
	return l, nil
}

// Add begins to wait for letters to a service, which is known by a number.
func (l *Letters) Add(f *Files, number int) error {
	// Reported once for what is there; the owner reads it all, or says so.
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(number)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, f.control, &e); err != nil {
		return fmt.Errorf("waiting for letters in %s/control: %w", f.path, err)
	}
	return nil
}

// Each calls arrived with the number of each service for which letters have come;
// it may block. Letters that come then are told of after [Letters.Read]. It returns
// when Close is called.
func (l *Letters) Each(arrived func(number int)) error {
	conn, err := l.queue.SyscallConn()
	if err != nil {
		return nil // closed already
	}
	ready := make([]unix.EpollEvent, 64)
	for {
		n := 0
		var failed error
		closed := conn.Read(func(epoll uintptr) bool {
			n, failed = unix.EpollWait(int(epoll), ready, 0)
			return n != 0 && failed != unix.EINTR
		})
		if closed != nil {
			return nil
		}
		if failed != nil {
			return fmt.Errorf("waiting for letters: %w", failed)
		}
		for _, e := range ready[:n] {
			arrived(int(e.Fd))
		}
	}
}

// readAtOnce is how many letters of one service are read before others get their
// turn.
const readAtOnce = 256

// Read takes the letters that have come for a service, and waits for more.
func (l *Letters) Read(f *Files, number int) []byte {
	if f.control < 0 {
		return nil
	}
	buffer := make([]byte, readAtOnce)
	n, _ := unix.Read(f.control, buffer)
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(number)}
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, f.control, &e)
	return buffer[:max(n, 0)]
}

// Close ends the wait.
func (l *Letters) Close() { l.queue.Close() }

package tree

import "golang.org/x/sys/unix"

// reserve keeps descriptors back for what must not fail for want of one: to find
// out which processes are a service's, and to signal them. Without them a stop at
// the limit (RLIMIT_NOFILE) would leave processes behind, or take them for gone.
type reserve struct{ held []int }

// reserved is how many are open at once while processes are listed and signalled: a
// directory, another in it, a file or a pidfd.
const reserved = 4

func newReserve() *reserve {
	r := &reserve{}
	r.fill()
	return r
}

// fill takes back what is missing, as far as there is any.
func (r *reserve) fill() {
	for len(r.held) < reserved {
		fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		r.held = append(r.held, fd)
	}
}

// use makes sure that do finds descriptors. Whoever else wants one at that moment
// may get it; so they are given up only where there are too few.
func (r *reserve) use(do func()) {
	if r == nil {
		do()
		return
	}
	r.fill() // what was missing since the last time
	if r.more() {
		do()
		return
	}
	r.release()
	do()
	r.fill()
}

// more says whether as many can be opened besides those that are held.
func (r *reserve) more() bool {
	if len(r.held) < reserved {
		return false
	}
	var fds [reserved]int
	n := 0
	for n < reserved {
		fd, err := unix.FcntlInt(uintptr(r.held[0]), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		fds[n] = fd
		n++
	}
	for _, fd := range fds[:n] {
		unix.Close(fd)
	}
	return n == reserved
}

func (r *reserve) release() {
	if r == nil {
		return
	}
	for _, fd := range r.held {
		unix.Close(fd)
	}
	r.held = nil
}

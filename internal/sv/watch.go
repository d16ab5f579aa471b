package sv

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"supervise/internal/runit"
)

// watcher tells of what changes: inotify of the statuses, which a supervisor
// renames into place; the other end of supervise/ok, which is closed when the
// supervisor ends; and the end of scripts.
//
// Where inotify can't be had (its instances and watches are limited for each
// user, and a directory may be entered but not read), a service is looked at as
// often as sv does it, and the reason is said once.
type watcher struct {
	inotify int
	ended   int // an eventfd
	watches map[int32][]*waiter
	said    bool
}

func (x *watcher) open(waiters []*waiter) {
	x.watches = map[int32][]*waiter{}
	var err error
	if x.inotify, err = unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err != nil {
		x.inotify = -1
		x.blind(err, waiters...)
	}
	if x.ended, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		x.ended = -1
		x.blind(err, waiters...)
	}
}

func (x *watcher) close() {
	for _, fd := range []int{x.inotify, x.ended} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// blind makes services be looked at as often as sv does it.
func (x *watcher) blind(err error, waiters ...*waiter) {
	for _, w := range waiters {
		w.waiting.blind = true
	}
	if !x.said {
		x.said = true
		grumble(fmt.Sprintf("cannot be told of changes (inotify: %s), so I look every %d ms", reason(err), period.Milliseconds()))
	}
}

// add watches the service in whose directory we are, from now on.
func (x *watcher) add(w *waiter) {
	if x.inotify < 0 {
		return
	}
	wd, err := unix.InotifyAddWatch(x.inotify, "supervise", unix.IN_MOVED_TO|unix.IN_ONLYDIR)
	switch {
	case err == nil:
		x.watches[int32(wd)] = append(x.watches[int32(wd)], w)
	case err != unix.ENOENT && err != unix.ENOTDIR: // else there is nothing to wait for, and it will be said
		x.blind(err, w)
	}
}

// hold makes us hear of the end of the supervisor in whose directory we are.
func (x *watcher) hold(w *waiter) {
	if w.ok >= 0 {
		return
	}
	var err error
	if w.ok, err = runit.OpenOK("."); err != nil {
		w.waiting.blind = true // the look that follows says why, if it is still so
	}
}

// drop lets go of a service that has its answer.
func (x *watcher) drop(w *waiter) {
	if w.ok >= 0 {
		unix.Close(w.ok)
		w.ok = -1
	}
}

// wake ends the wait; any goroutine may call it.
func (x *watcher) wake() {
	one := binary.NativeEndian.AppendUint64(nil, 1)
	_, _ = unix.Write(x.ended, one)
}

// wait waits until something has changed, at most until then, and marks the
// services of which it knows that.
func (x *watcher) wait(waiters []*waiter, until time.Time) {
	polled := []unix.PollFd{{Fd: int32(x.inotify), Events: unix.POLLIN}, {Fd: int32(x.ended), Events: unix.POLLIN}}
	var held []*waiter
	for _, w := range waiters {
		if w.ok >= 0 {
			polled = append(polled, unix.PollFd{Fd: int32(w.ok)}) // POLLERR comes unasked
			held = append(held, w)
		}
	}
	if x.ended < 0 {
		until = earlier(until, time.Now().Add(period)) // a script may have ended
	}
	left := unix.NsecToTimespec(max(0, int64(time.Until(until))))
	if n, err := unix.Ppoll(polled, &left, nil); err != nil || n == 0 {
		return // EINTR: who called looks at the time
	}
	if polled[1].Revents != 0 {
		var b [8]byte
		_, _ = unix.Read(x.ended, b[:])
	}
	for i, w := range held {
		if polled[i+2].Revents != 0 {
			x.drop(w)
			w.changed = true
		}
	}
	if polled[0].Revents != 0 {
		x.read(waiters)
	}
}

// read takes what inotify has to tell.
func (x *watcher) read(waiters []*waiter) {
	var b [4096]byte
	for {
		n, err := unix.Read(x.inotify, b[:])
		if n <= 0 || err != nil {
			return
		}
		for at := 0; at+unix.SizeofInotifyEvent <= n; {
			event := (*unix.InotifyEvent)(unsafe.Pointer(&b[at]))
			name := unix.ByteSliceToString(b[at+unix.SizeofInotifyEvent : at+unix.SizeofInotifyEvent+int(event.Len)])
			at += unix.SizeofInotifyEvent + int(event.Len)
			concerned := x.watches[event.Wd]
			switch {
			case event.Mask&unix.IN_Q_OVERFLOW != 0:
				concerned = waiters
			case event.Mask&unix.IN_IGNORED != 0: // the directory is gone
				for _, w := range concerned {
					w.waiting.blind = true
				}
			case name != "status":
				continue
			}
			for _, w := range concerned {
				w.changed = true
			}
		}
	}
}

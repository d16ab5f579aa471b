//go:build linux && (amd64 || arm64)

package signals

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/birth"
)

// How signals outlive an exec
//
// What is pending for a process stays so over execve(2); what a thread has taken, to
// run a handler, is lost if the exec kills that thread first. So before it every
// signal is blocked, on every thread. Go has no way to do that to threads that it may
// be running code on: it would have to be each thread itself. But a signal handler can
// give the thread that it interrupts another mask, by its context. So each thread is
// sent a signal whose handler does that: 32, which nobody else has a use for here.

// maskSignal is not in use: it is the C library's, and Go has no handler for it.
const maskSignal = 32

// What masker gives to threads, and how many it has.
var (
	//lint:ignore U1000 the handler reads it
	wantedMask uint64
	masked     uint32
)

// maskerPC gives the address of that handler, which is never called from Go.
func maskerPC() uintptr

// all is the signals that are held: without the faults, which are ours, and without
// 32 and 33, by which threads are reached.
func all() (mask uint64) {
	for s := HUP; s <= RTMAX; s++ {
		if s == CHLD || !reserved(s) {
			mask |= 1 << (s - 1)
		}
	}
	return mask
}

// Hold keeps every signal from this process: those that come are pending until
// [Receiver.Release], or for the next image of it. When it returns, all that came
// before have been delivered.
func (r *Receiver) Hold() error {
	if err := maskThreads(all()); err != nil {
		return err
	}
	// The handlers that ran have written; behind that comes a record of our own.
	r.fences = make(chan struct{}, 1)
	var fence [infoSize]byte
	for {
		_, err := unix.Write(r.fence, fence[:])
		if err == nil {
			break
		}
		if err != unix.EAGAIN && err != unix.EINTR {
			return fmt.Errorf("waiting for signals to be handled: %w", err)
		}
		time.Sleep(time.Millisecond) // the pipe is full of signals
	}
	<-r.fences
	return nil
}

// Release ends Hold.
func (r *Receiver) Release() error {
	var mask uint64
	for _, s := range r.inherited.Blocked {
		mask |= 1 << (s - 1)
	}
	err := maskThreads(mask)
	if mask != 0 {
		unblockOnOneThread()
	}
	return err
}

// maskThreads gives every thread a mask.
func maskThreads(mask uint64) error {
	action, err := getAction(Signal(unix.SIGUSR1)) // for its flags and its restorer
	if err != nil {
		return err
	}
	action.handler, action.mask = maskerPC(), ^uint64(0)
	if err := setAction(maskSignal, action); err != nil {
		return err
	}
	defer func() { _ = setAction(maskSignal, sigaction{}) }() // cannot fail where it did not
	wantedMask = mask
	const rounds = 100 // of threads that were made meanwhile
	for range rounds {
		left, err := otherMask(mask & all())
		if err != nil {
			return fmt.Errorf("holding signals back: %w", err)
		}
		if len(left) == 0 {
			return nil
		}
		before := atomic.LoadUint32(&masked)
		sent := uint32(0)
		for _, tid := range left {
			switch err := unix.Tgkill(os.Getpid(), tid, maskSignal); err {
			case nil:
				sent++
			case unix.ESRCH:
			default:
				return fmt.Errorf("holding signals back: tgkill: %w", err)
			}
		}
		for wait := 0; atomic.LoadUint32(&masked)-before < sent && wait < 1000; wait++ {
			time.Sleep(50 * time.Microsecond)
		}
	}
	return fmt.Errorf("holding signals back: some threads do not take another mask")
}

// otherMask lists the threads that have another mask than that.
func otherMask(mask uint64) (tids []int, err error) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		status, err := os.ReadFile("/proc/self/task/" + e.Name() + "/status")
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := bytes.Cut(status, []byte("\nSigBlk:\t"))
		hex, _, _ := bytes.Cut(rest, []byte("\n"))
		blocked, err := strconv.ParseUint(string(hex), 16, 64)
		if err != nil {
			return nil, fmt.Errorf("reading the mask of a thread: %w", err)
		}
		if tid, err := strconv.Atoi(e.Name()); err == nil && blocked&all() != mask {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// ReceiveAgain is [Receive] for the next image of a process that has called
// [Receiver.Hold], which was started with these dispositions. main's thread has to
// be locked: it gets the mask that children are to have.
func ReceiveAgain(inherited Dispositions) (*Receiver, error) {
	r, err := (*Receiver)(nil), fmt.Errorf("the signals of this process are already received")
	receiveOnce.Do(func() { r, err = receiveAgain(inherited) })
	return r, err
}

func receiveAgain(inherited Dispositions) (*Receiver, error) {
	r := &Receiver{inherited: inherited}
	if err := r.begin(); err != nil {
		return nil, err
	}
	// Threads that are in the handler of package birth leave it before they get to
	// another, and their masks are set by one.
	if err := maskThreads(all()); err != nil {
		return nil, err
	}
	for _, info := range birth.Early() {
		r.early = append(r.early, info[:]...)
	}
	// Go gives threads that it makes later the mask with which we were executed. So one
	// thread has none; the others have what children are to have.
	return r, r.release()
}

func (r *Receiver) release() error {
	err := r.Release()
	if len(r.inherited.Blocked) == 0 {
		unblockOnOneThread()
	}
	return err
}

// Package leader lends out the first thread of the process, the leader of its thread
// group.
//
// A parent-death signal is bound to the thread that forked (prctl(2),
// PR_SET_PDEATHSIG), and an exec ends all threads but the one that calls it, which
// becomes the leader. So who starts processes that are to outlive an exec of ours
// forks from the first thread, and execs from it.
//
// The goroutine of main is on that thread while init functions run, and stays there if
// one of them calls [Hold]. That makes the runtime start another thread at once, so
// only a process that needs it does.
package leader

import "runtime"

var jobs = make(chan func())

// Hold keeps main's goroutine on the first thread. It is for an init function: later it
// may be on another one.
func Hold() { runtime.LockOSThread() }

// Serve calls work in another goroutine, which is to end the process, and does on the
// first thread what [Do] is given. main calls it, after Hold.
func Serve(work func()) {
	go work()
	for job := range jobs {
		job()
	}
}

// Do calls job on the first thread, while main is in [Serve], and returns when it
// does.
func Do(job func()) {
	done := make(chan struct{})
	jobs <- func() {
		defer close(done)
		job()
	}
	<-done
}

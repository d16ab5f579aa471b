// Package leader lends out the first thread of the process, the leader of its thread
// group.
//
// A parent-death signal is bound to the thread that forked (prctl(2),
// PR_SET_PDEATHSIG), and an exec ends all threads but the one that calls it, which
// becomes the leader. So who starts processes that are to outlive an exec of ours
// forks from the first thread, and execs from it.
//
// The goroutine of main is on that thread from the start, and stays there until
// [Release].
package leader

import "runtime"

// init runs on the first thread, and main's goroutine is locked to it from then on.
func init() { runtime.LockOSThread() }

var jobs = make(chan func())

// Release lets main's goroutine run on any thread, as it does in other programs.
// main calls it when nobody is to use the first thread.
func Release() { runtime.UnlockOSThread() }

// Serve calls work in another goroutine, which is to end the process, and does on the
// first thread what [Do] is given. main calls it, in place of Release.
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

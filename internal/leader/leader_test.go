package leader

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { Hold() }

// TestMain is main's goroutine.
func TestMain(m *testing.M) {
	Serve(func() { os.Exit(m.Run()) })
}

func TestJobsAreDoneOnTheFirstThread(t *testing.T) {
	for range 3 {
		tid := 0
		Do(func() { tid = unix.Gettid() })
		if tid != os.Getpid() {
			t.Errorf("on thread %d of process %d", tid, os.Getpid())
		}
	}
}

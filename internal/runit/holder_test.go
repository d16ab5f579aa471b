package runit

import (
	"strings"
	"testing"
)

func TestLockHolder(t *testing.T) {
	const locks = "1: POSIX  ADVISORY  WRITE 7 fd:01:1234 0 EOF\n2: FLOCK  ADVISORY  WRITE 812 fd:01:1234 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 9 fd:01:1234 0 EOF\n3: FLOCK  ADVISORY  WRITE -1 fd:01:99 0 EOF\n"
	for id, want := range map[string]int{"fd:01:1234": 812, "fd:01:99": 0, "fd:01:12": 0} {
		if got := lockHolder(locks, id); got != want {
			t.Errorf("%s: %d, want %d", id, got, want)
		}
	}
}

// FuzzLockHolder: whoever has a lock has a number that stands there.
func FuzzLockHolder(f *testing.F) {
	f.Add("2: FLOCK  ADVISORY  WRITE 812 fd:01:1234 0 EOF\n", "fd:01:1234")
	f.Add("2: FLOCK a b 0x10 c d", "c")
	f.Fuzz(func(t *testing.T, locks, id string) {
		if pid := lockHolder(locks, id); pid < 0 || pid > 0 && !strings.Contains(locks, id) {
			t.Errorf("%d", pid)
		}
	})
}

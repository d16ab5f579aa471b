package runit

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The first is what a real runsv wrote; the others follow update_status in runsv.c.
var statuses = []struct {
	name, bytes, stat, pid string
	status                 Status
}{
	{"runs", "400000006b0b86ee078d7e9c" + "dd260000" + "00750001", "run\n", "9949\n",
		Status{State: Run, Want: WantUp, PID: 9949, Since: time.Unix(1795917540, 0x78d7e9c)}},
	{"down", "400000006778d30a00000000" + "00000000" + "00640000", "down\n", "",
		Status{State: Down, Want: WantDown, Since: time.Unix(0x6778d300, 0)}},
	{"everything", "400000006778d30a00000001" + "01000000" + "01640102", "finish, paused, got TERM, want down\n", "1\n",
		Status{State: Finish, Want: WantDown, Paused: true, Termed: true, PID: 1, Since: time.Unix(0x6778d300, 1)}},
}

func TestStatus(t *testing.T) {
	for _, c := range statuses {
		t.Run(c.name, func(t *testing.T) {
			b := c.status.Bytes()
			if got := hex.EncodeToString(b[:]); got != c.bytes {
				t.Errorf("bytes %s, want %s", got, c.bytes)
			}
			got, err := ParseStatus(b[:])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.status, got); diff != "" {
				t.Error(diff)
			}
			if got := c.status.Stat(); got != c.stat {
				t.Errorf("stat %q, want %q", got, c.stat)
			}
			if got := c.status.PIDFile(); got != c.pid {
				t.Errorf("pid %q, want %q", got, c.pid)
			}
		})
	}
}

// Exit is wanted in words alone; when down, nothing is said of what is wanted.
func TestStatOfExit(t *testing.T) {
	s := Status{State: Run, Want: WantExit, PID: 7}
	if got := s.Stat(); got != "run, want exit\n" {
		t.Errorf("%q", got)
	}
	if b := s.Bytes(); b[17] != 'd' {
		t.Errorf("want byte %c", b[17])
	}
	s.State = Down
	if got := s.Stat(); got != "down\n" {
		t.Errorf("%q", got)
	}
}

func FuzzParseStatus(f *testing.F) {
	for _, c := range statuses {
		b := c.status.Bytes()
		f.Add(b[:])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatus(b)
		if err != nil {
			return
		}
		_, _ = s.Stat(), s.PIDFile()
		back := s.Bytes()
		again, err := ParseStatus(back[:])
		if err != nil || !again.Since.Equal(s.Since) || again.State != s.State || again.PID != s.PID {
			t.Errorf("%x became %x, %v", b, back, err)
		}
	})
}

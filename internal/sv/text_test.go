package sv

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"supervise/internal/runit"
)

func TestDescribe(t *testing.T) {
	now := time.Unix(1_800_000_060, 0)
	since := time.Unix(1_800_000_000, 999_999_999)
	for _, x := range []struct {
		status     runit.Status
		normallyUp bool
		want       string
	}{
		{runit.Status{State: runit.Run, Want: runit.WantUp, PID: 7, Since: since}, true, "run: web: (pid 7) 60s"},
		{runit.Status{State: runit.Run, Want: runit.WantUp, PID: 7, Since: since}, false, "run: web: (pid 7) 60s, normally down"},
		{runit.Status{State: runit.Run, Want: runit.WantDown, PID: 7, Paused: true, Termed: true, Since: since}, false,
			"run: web: (pid 7) 60s, normally down, paused, want down, got TERM"},
		{runit.Status{State: runit.Down, Want: runit.WantDown, Since: since}, false, "down: web: 60s"},
		{runit.Status{State: runit.Down, Want: runit.WantUp, Paused: true, Termed: true, Since: since}, true, "down: web: 60s, normally up, want up"},
		{runit.Status{State: runit.Finish, Want: runit.WantUp, PID: 8, Since: since}, true, "finish: web: (pid 8) 60s"},
		{runit.Status{State: runit.Finish, Want: runit.WantUp, Since: since}, true, "finish: web: (pid 0) 60s, normally up, want up"},
		{runit.Status{State: runit.Down, Since: now.Add(time.Hour)}, false, "down: web: 0s, want up"},
	} {
		if got := describe("web", x.status, now, x.normallyUp); got != x.want {
			t.Errorf("%+v: %q, want %q", x.status, got, x.want)
		}
	}
}

func TestReasons(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOENT:                           "file does not exist",
		fmt.Errorf("open x: %w", syscall.EACCES): "access denied",
		runit.ErrFormat:                          "bad format",
		syscall.EUCLEAN:                          "structure needs cleaning", // sv has no words for it
	} {
		if got := reason(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

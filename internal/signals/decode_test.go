package signals

import (
	"encoding/binary"
	"slices"
	"testing"
)

// info makes a siginfo_t as the kernel of a 64-bit machine lays it out.
func info(signo, code, pid, uid int32, value int64) []byte {
	b := make([]byte, infoSize)
	ne := binary.NativeEndian
	ne.PutUint32(b, uint32(signo))
	ne.PutUint32(b[8:], uint32(code))
	ne.PutUint32(b[16:], uint32(pid))
	ne.PutUint32(b[20:], uint32(uid))
	ne.PutUint64(b[24:], uint64(value))
	return b
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		info []byte
		want Received
		text string
	}{
		"kill":                       {info(15, 0, 812, 1000, 99), Received{Signal: TERM, Origin: OriginKill, PID: 812, UID: 1000}, "kill"},
		"sigqueue":                   {info(40, -1, 812, 0, -5), Received{Signal: 40, Origin: OriginQueue, PID: 812, Value: -5}, "sigqueue"},
		"timer":                      {info(14, -2, 7, 1, 99), Received{Signal: 14, Origin: OriginTimer}, "timer"},
		"mesgq":                      {info(10, -3, 5, 6, 99), Received{Signal: 10, Origin: OriginMesgq, PID: 5, UID: 6}, "mesgq"},
		"aio":                        {info(29, -4, 5, 6, 99), Received{Signal: 29, Origin: OriginAsyncIO}, "aio"},
		"sigio":                      {info(29, -5, 5, 6, 99), Received{Signal: 29, Origin: OriginSigIO}, "sigio"},
		"tgkill":                     {info(2, -6, 5, 6, 99), Received{Signal: INT, Origin: OriginTkill, PID: 5, UID: 6}, "tgkill"},
		"terminal":                   {info(2, 0x80, 5, 6, 99), Received{Signal: INT, Origin: OriginKernel}, "kernel"},
		"a file":                     {info(29, 1, 5, 6, 99), Received{Signal: 29, Origin: 1}, "kernel"},
		"from outside the namespace": {info(15, 0, 0, 65534, 0), Received{Signal: TERM, UID: 65534}, "kill"},
	} {
		got := decode(c.info)
		if got.At.IsZero() {
			t.Errorf("%s: no time", name)
		}
		c.want.At = got.At
		if got != c.want || got.Origin.String() != c.text {
			t.Errorf("%s: got %+v (%s), want %+v", name, got, got.Origin, c.want)
		}
	}
	if OriginUnknown.String() != "unknown" || OriginUnknown.FromProcess() {
		t.Error("what is unknown is known")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(info(15, 0, 812, 1000, 0))
	f.Add(info(64, -1, -1, -1, -1))
	f.Add(info(11, 1, 0, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < infoSize {
			b = append(b, make([]byte, infoSize-len(b))...)
		}
		r := decode(b)
		if !r.Origin.FromProcess() && (r.PID != 0 || r.UID != 0) {
			t.Errorf("no process sent it, but %+v", r)
		}
		if r.Origin != OriginQueue && r.Value != 0 {
			t.Errorf("a value came without being queued: %+v", r)
		}
		if r.Origin.String() == "" {
			t.Errorf("%d has no text", r.Origin)
		}
	})
}

func TestCatchable(t *testing.T) {
	var all []Signal
	for s := range Catchable() {
		all = append(all, s)
	}
	for s := Signal(1); s <= 64; s++ {
		not := slices.Contains([]Signal{KILL, STOP, CHLD, 4, 5, 7, 8, 11, 32, 33}, s)
		if slices.Contains(all, s) == not {
			t.Errorf("%s: catchable %v", s, !not)
		}
	}
	if !slices.IsSorted(all) {
		t.Errorf("not in order: %v", all)
	}
	for s := range Catchable() { // one may stop
		if s != HUP {
			t.Errorf("begins with %s", s)
		}
		break
	}
}

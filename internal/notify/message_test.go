package notify

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Message
		err  string // a part of it; "": none
	}{
		"nothing":              {"", Message{}, ""},
		"only newlines":        {"\n\n\n", Message{}, ""},
		"ready":                {"READY=1", Message{Ready: true}, ""},
		"a newline at the end": {"READY=1\n", Message{Ready: true}, ""},
		"a NUL at the end":     {"READY=1\x00", Message{Ready: true}, ""},
		"a newline and a NUL":  {"READY=1\n\x00", Message{Ready: true}, ""},
		"CR LF":                {"READY=1\r\nSTOPPING=1\r\n", Message{Ready: true, Stopping: true}, ""},
		"READY=0 says nothing": {"READY=0", Message{}, ""},
		"READY=0, then 1":      {"READY=0\nREADY=1", Message{Ready: true}, ""},
		"lower case":           {"ready=1", Message{}, ""},
		"a space before it":    {" READY=1", Message{}, ""},
		"unknown keys":         {"X_MY_THING=7\nREADY=1\nFOO=", Message{Ready: true}, ""},
		"reloading": {"RELOADING=1\nMONOTONIC_USEC=1234567", Message{
			Reloading: true, Monotonic: ptr(1234567 * time.Microsecond)}, ""},
		"reloaded at once": {"RELOADING=1\nREADY=1", Message{Reloading: true, Ready: true}, ""},
		"no assignment":    {"READY=1\nhello\nSTOPPING=1", Message{Ready: true, Stopping: true}, `"hello" is no assignment`},
		"no key":           {"=1\nREADY=1", Message{Ready: true}, `"=1" is no assignment`},
		"NUL inside":       {"READY=1\x00STOPPING=1", Message{}, "NUL byte inside"},
		"two NULs":         {"READY=1\x00\x00", Message{}, "NUL byte inside"},
		"longest":          {"READY=1\n" + strings.Repeat("X", 4088), Message{Ready: true}, "is no assignment"},
		"too long":         {"READY=1\n" + strings.Repeat("X", 4089), Message{}, "more than 4096 bytes"},

		"status":                {"STATUS=Läuft… 66 %", Message{Status: ptr("Läuft… 66 %")}, ""},
		"status with =":         {"STATUS=a=b", Message{Status: ptr("a=b")}, ""},
		"status taken back":     {"STATUS=", Message{Status: ptr("")}, ""},
		"the first status":      {"STATUS=a\nSTATUS=b", Message{Status: ptr("a")}, ""},
		"status, no UTF-8":      {"STATUS=\xff\xfe\nREADY=1", Message{Ready: true}, `STATUS="\xff\xfe" is not UTF-8`},
		"status for a terminal": {"STATUS=\x1b[2Ja\tb\u202e", Message{Status: ptr("�[2Ja�b�")}, ""},

		"pid":                   {"MAINPID=4711", Message{MainPID: 4711}, ""},
		"pid 0":                 {"MAINPID=0", Message{}, `MAINPID="0" is no number from 1`},
		"pid below 0":           {"MAINPID=-1\nREADY=1", Message{Ready: true}, `MAINPID="-1" is no number`},
		"pid with a sign":       {"MAINPID=+1", Message{}, "is no number"},
		"pid too large":         {"MAINPID=2147483648", Message{}, "is no number"},
		"pid beyond all":        {"MAINPID=99999999999999999999999", Message{}, "is no number"},
		"pid, hexadecimal":      {"MAINPID=0x10", Message{}, "is no number"},
		"pid, no number":        {"MAINPID=self", Message{}, "is no number"},
		"pid, nothing":          {"MAINPID=", Message{}, "is no number"},
		"pid with its inode":    {"MAINPID=7\nMAINPIDFDID=18446744073709551615", Message{MainPID: 7, MainPIDInode: ptr(uint64(math.MaxUint64))}, ""},
		"pidfd":                 {"MAINPIDFD=1", Message{MainPIDFD: true}, ""},
		"errno":                 {"ERRNO=2", Message{Errno: 2}, ""},
		"errno by name":         {"ERRNO=ENOENT", Message{Errno: 2}, ""},
		"errno, unknown":        {"ERRNO=ENOTHING", Message{}, "ERRNO="},
		"errno too large":       {"ERRNO=4096", Message{}, "ERRNO="},
		"errno below 0":         {"ERRNO=-2", Message{}, "ERRNO="},
		"bus error":             {"BUSERROR=org.freedesktop.DBus.Error.TimedOut", Message{BusError: "org.freedesktop.DBus.Error.TimedOut"}, ""},
		"bus error with space":  {"BUSERROR=a b", Message{}, "BUSERROR="},
		"varlink error":         {"VARLINKERROR=org.varlink.service.InvalidParameter", Message{VarlinkError: "org.varlink.service.InvalidParameter"}, ""},
		"exit status":           {"EXIT_STATUS=0", Message{ExitStatus: ptr(0)}, ""},
		"exit status too large": {"EXIT_STATUS=256", Message{}, "EXIT_STATUS="},

		"alive":               {"WATCHDOG=1", Message{Watchdog: WatchdogAlive}, ""},
		"trigger":             {"WATCHDOG=trigger", Message{Watchdog: WatchdogTrigger}, ""},
		"watchdog, else":      {"WATCHDOG=2\nREADY=1", Message{Ready: true}, "neither 1 nor trigger"},
		"watchdog time":       {"WATCHDOG_USEC=20000000", Message{WatchdogEvery: ptr(20 * time.Second)}, ""},
		"watchdog off":        {"WATCHDOG_USEC=0", Message{WatchdogEvery: ptr(time.Duration(0))}, ""},
		"watchdog infinite":   {"WATCHDOG_USEC=18446744073709551615", Message{WatchdogEvery: ptr(time.Duration(0))}, ""},
		"watchdog, centuries": {"WATCHDOG_USEC=18446744073709551614", Message{WatchdogEvery: ptr(time.Duration(math.MaxInt64))}, ""},
		"watchdog, overflow":  {"WATCHDOG_USEC=18446744073709551616", Message{}, "is no number"},
		"watchdog below 0":    {"WATCHDOG_USEC=-5", Message{}, "is no number"},
		"more time":           {"EXTEND_TIMEOUT_USEC=5000000", Message{ExtendTimeout: 5 * time.Second}, ""},
		"more time, infinite": {"EXTEND_TIMEOUT_USEC=18446744073709551615", Message{}, ""},
		"more time, fraction": {"EXTEND_TIMEOUT_USEC=5.5", Message{}, "is no number"},
		"counter":             {"RESTART_RESET=1", Message{RestartReset: true}, ""},
		"access":              {"NOTIFYACCESS=all", Message{Access: AccessAll}, ""},
		"access, unknown":     {"NOTIFYACCESS=some", Message{}, "none of none, main, exec, all"},

		"store":                 {"FDSTORE=1", Message{StoreFiles: true}, ""},
		"store with a name":     {"FDSTORE=1\nFDNAME=foo bar", Message{StoreFiles: true, Name: "foo bar"}, ""},
		"store, hung up or not": {"FDSTORE=1\nFDPOLL=0", Message{StoreFiles: true, KeepHungUp: true}, ""},
		"longest name":          {"FDSTORE=1\nFDNAME=" + strings.Repeat("n", 255), Message{StoreFiles: true, Name: strings.Repeat("n", 255)}, ""},
		"name too long":         {"FDSTORE=1\nFDNAME=" + strings.Repeat("n", 256), Message{StoreFiles: true}, "FDNAME="},
		"name with a colon":     {"FDSTORE=1\nFDNAME=a:b", Message{StoreFiles: true}, "FDNAME="},
		"name with a tab":       {"FDSTORE=1\nFDNAME=a\tb", Message{StoreFiles: true}, "FDNAME="},
		"name, no ASCII":        {"FDSTORE=1\nFDNAME=é", Message{StoreFiles: true}, "FDNAME="},
		"remove":                {"FDSTOREREMOVE=1\nFDNAME=foo", Message{RemoveFiles: true, Name: "foo"}, ""},
		"remove, no name":       {"FDSTOREREMOVE=1", Message{}, "without a valid FDNAME"},

		"barrier":           {"BARRIER=1", Message{Barrier: true}, ""},
		"barrier, newline":  {"BARRIER=1\n", Message{Barrier: true}, ""},
		"barrier and more":  {"BARRIER=1\nREADY=1", Message{Barrier: true}, "has to be alone"},
		"barrier and junk":  {"BARRIER=1\njunk", Message{Barrier: true}, "has to be alone"},
		"barrier = 0":       {"BARRIER=0\nREADY=1", Message{Ready: true}, ""},
		"many bad lines":    {strings.Repeat("a\n", 2000) + "READY=1", Message{Ready: true}, "and 1996 more"},
		"several bad lines": {"a\nREADY=1\nb", Message{Ready: true}, "\"a\" is no assignment (KEY=VALUE)\n\"b\" is no assignment"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(c.in))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Parse(%q): -want +got\n%s", c.in, diff)
			}
			switch {
			case c.err == "" && err != nil:
				t.Errorf("Parse(%q) complains: %v", c.in, err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("Parse(%q) says %v, want %q in it", c.in, err, c.err)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "READY=1\nSTATUS=x\n\x00", "BARRIER=1", "BARRIER=1\nREADY=1", "FDSTORE=1\nFDNAME=a\nFDPOLL=0", "FDSTOREREMOVE=1",
		"MAINPID=1\nMAINPIDFD=1\nMAINPIDFDID=3", "ERRNO=ENOENT", "WATCHDOG_USEC=18446744073709551615\nEXTEND_TIMEOUT_USEC=1", "STATUS=\xff",
		"NOTIFYACCESS=main\r\nRELOADING=1\rMONOTONIC_USEC=5", "a\x00b", "EXIT_STATUS=255\nBUSERROR=a", strings.Repeat("A=", 2049),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		m, err := Parse(in)
		if !bytes.Equal(before, in) {
			t.Fatal("the datagram was changed")
		}
		if again, err2 := Parse(in); cmp.Diff(m, again) != "" || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Fatal("two answers to one datagram")
		}
		if m.Status != nil && (!utf8.ValidString(*m.Status) || strings.ContainsFunc(*m.Status, unicode.IsControl)) {
			t.Errorf("status %q is not fit to be printed", *m.Status)
		}
		if strings.ContainsFunc(m.Name, func(r rune) bool { return r < ' ' || r > '~' || r == ':' }) || len(m.Name) > 255 {
			t.Errorf("name %q can't stand in LISTEN_FDNAMES", m.Name)
		}
		if m.MainPID < 0 || m.MainPID > math.MaxInt32 || m.Errno < 0 || m.Errno > 4095 || m.ExtendTimeout < 0 {
			t.Errorf("out of range: %+v", m)
		}
		for _, d := range []*time.Duration{m.Monotonic, m.WatchdogEvery} {
			if d != nil && *d < 0 {
				t.Errorf("a time below zero: %v", *d)
			}
		}
		if m.ExitStatus != nil && (*m.ExitStatus < 0 || *m.ExitStatus > 255) {
			t.Errorf("exit status %d", *m.ExitStatus)
		}
		if m.RemoveFiles && m.Name == "" {
			t.Error("descriptors without a name are to be removed")
		}
		if m.Barrier && cmp.Diff(m, Message{Barrier: true}) != "" {
			t.Errorf("a barrier that says more: %+v", m)
		}
		empty := cmp.Diff(m, Message{}) == ""
		if (len(in) > 4096 || bytes.IndexByte(bytes.TrimSuffix(in, []byte{0}), 0) >= 0) && (!empty || err == nil) {
			t.Errorf("%q was taken", in)
		}
		if err != nil && (strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || len(err.Error()) > 2000) {
			t.Errorf("an error that is not fit to be printed: %q", err)
		}
		// What a line says it says beside a line of junk as well.
		if !m.Barrier && len(in) < 4000 && !bytes.ContainsRune(in, 0) {
			more, err := Parse(append([]byte("junk\n"), in...))
			if cmp.Diff(m, more) != "" || err == nil {
				t.Errorf("with junk before it: %+v, %v", more, err)
			}
		}
	})
}

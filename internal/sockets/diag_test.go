package sockets

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// message puts a header before a body.
func message(kind uint16, body []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(body)+3)
	binary.NativeEndian.PutUint32(b, uint32(headerSize+len(body)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	b = append(b, body...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func inetBody(family, st byte, port uint16, ip ...byte) []byte {
	b := make([]byte, inetSize)
	b[0], b[1] = family, st
	binary.BigEndian.PutUint16(b[4:], port)
	copy(b[8:], ip)
	binary.NativeEndian.PutUint32(b[68:], 77)
	return b
}

func attribute(kind uint16, value string) []byte {
	b := make([]byte, 4, 4+len(value)+3)
	binary.NativeEndian.PutUint16(b, uint16(4+len(value)))
	binary.NativeEndian.PutUint16(b[2:], kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func unixBody(kind, st byte, attributes ...[]byte) []byte {
	b := make([]byte, unixSize)
	b[0], b[1], b[2] = unix.AF_UNIX, kind, st
	binary.NativeEndian.PutUint32(b[4:], 78)
	for _, a := range attributes {
		b = append(b, a...)
	}
	return b
}

func TestAnswersOfSockDiag(t *testing.T) {
	diag := uint16(unix.SOCK_DIAG_BY_FAMILY)
	refused := make([]byte, 20)
	errno := -int32(unix.ENOENT)
	binary.NativeEndian.PutUint32(refused, uint32(errno))
	one := message(diag, []byte("first"))
	for name, c := range map[string]struct {
		answer []byte
		seen   int
		done   bool
		says   string
	}{
		"nothing":            {nil, 0, false, ""},
		"more to come":       {append(one, message(diag, nil)...), 2, false, ""},
		"the end":            {append(append(one[:len(one):len(one)], message(unix.NLMSG_DONE, nil)...), one...), 1, true, ""},
		"something else":     {append(message(unix.NLMSG_NOOP, nil), one...), 1, false, ""},
		"refused":            {message(unix.NLMSG_ERROR, refused), 0, false, "no such file"},
		"acknowledged":       {message(unix.NLMSG_ERROR, make([]byte, 20)), 0, true, ""},
		"an empty error":     {message(unix.NLMSG_ERROR, nil), 0, false, "without its number"},
		"half a header":      {one[:10], 0, false, "middle of a header"},
		"longer than it is":  {one[:20], 0, false, "says that it is 21 long"},
		"shorter than a one": {append([]byte{3, 0, 0, 0}, one[4:]...), 0, false, "long"},
	} {
		seen := 0
		done, err := parseAnswer(c.answer, func([]byte) error { seen++; return nil })
		if seen != c.seen || done != c.done || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d seen, done %t, %v", name, seen, done, err)
		}
	}
	_, err := parseAnswer(message(unix.NLMSG_ERROR, refused), nil)
	if !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v is not ENOENT", err)
	}
	if _, err := parseAnswer(one, func([]byte) error { return unix.EIO }); err != unix.EIO {
		t.Errorf("the error of the caller became %v", err)
	}
}

func TestConnectionsOfAnAnswer(t *testing.T) {
	v6 := netip.MustParseAddr("2001:db8::7").As16()
	for _, c := range []struct {
		body []byte
		want inetConnection
		ok   bool
	}{
		{inetBody(unix.AF_INET, 1, 80, 127, 0, 0, 1), inetConnection{established, netip.MustParseAddrPort("127.0.0.1:80"), 77}, true},
		{inetBody(unix.AF_INET6, 8, 443, v6[:]...), inetConnection{closeWait, netip.MustParseAddrPort("[2001:db8::7]:443"), 77}, true},
		{inetBody(unix.AF_UNIX, 1, 1), inetConnection{}, false},
		{make([]byte, inetSize-1), inetConnection{}, false},
	} {
		if got, err := parseInetDiag(c.body); c.ok && got != c.want || (err == nil) != c.ok {
			t.Errorf("got %+v, %v, want %+v", got, err, c.want)
		}
	}
	queue := string(binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 3), 9))
	for _, c := range []struct {
		body []byte
		want unixConnection
		ok   bool
	}{
		{unixBody(1, 1, attribute(9, "odd"), attribute(nameAttr, "/run/x\x00"), attribute(queueAttr, queue)), unixConnection{established, true, "/run/x", 0, 78}, true},
		{unixBody(1, 10, attribute(queueAttr, queue), attribute(nameAttr, "\x00x y")), unixConnection{listening, true, "@x y", 3, 78}, true},
		{unixBody(2, 1), unixConnection{state: established, inode: 78}, true},
		{unixBody(1, 10, attribute(queueAttr, "1")), unixConnection{state: listening, isStream: true, inode: 78}, true},
		{append(unixBody(1, 1), 3, 0, 0, 0), unixConnection{}, false},
		{append(unixBody(1, 1), 9, 0, 0, 0), unixConnection{}, false},
		{make([]byte, unixSize-1), unixConnection{}, false},
	} {
		if got, err := parseUnixDiag(c.body); c.ok && got != c.want || (err == nil) != c.ok {
			t.Errorf("got %+v, %v, want %+v", got, err, c.want)
		}
	}
}

func TestLinesOfProcNet(t *testing.T) {
	word := func(s string) string { // as a machine of this order writes it
		if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
			return s
		}
		return s[6:8] + s[4:6] + s[2:4] + s[0:2]
	}
	v4 := "   1: " + word("0100007F") + ":1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20263 1 0 100 0 0 10 0\n"
	v6 := "   0: 0000000000000000" + word("FFFF0000") + word("0100007F") + ":0050 0:0 01 0:0 0:0 0 0 0 55 1\n"
	for line, want := range map[string]inetConnection{
		v4: {listening, netip.MustParseAddrPort("127.0.0.1:8080"), 20263},
		v6: {established, netip.MustParseAddrPort("[::ffff:127.0.0.1]:80"), 55},
	} {
		if got, err := parseInetLine(line); got != want || err != nil {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	for line, want := range map[string]unixConnection{
		"00000000b810ad34: 00000003 00000000 00000000 0001 02     0 /run/a b \n": {established, true, "/run/a b ", 0, 0},
		"00000000b810ad34: 00000003 00000000 00000000 0001 03 604121 @x\n":       {established, true, "@x", 0, 604121},
		"00000000f740c126: 00000002 00000000 00010000 0002 01 604115\n":          {0, false, "", 0, 604115},
	} {
		if got, err := parseUnixLine(line); got != want || err != nil {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	for _, line := range []string{"", "a b", strings.Replace(v4, ":1F90", ":XX", 1), strings.Replace(v4, "7F:", "7F7F:", 1), strings.Replace(v4, "20263", "x", 1)} {
		if _, err := parseInetLine(line); err == nil {
			t.Errorf("%q is a line of tcp", line)
		}
	}
	for _, line := range []string{"", "a b", "0: 3 0 0 x 03 1 /x"} {
		if _, err := parseUnixLine(line); err == nil {
			t.Errorf("%q is a line of unix", line)
		}
	}
}

func TestTakes(t *testing.T) {
	for _, c := range []struct {
		listens string
		v6only  bool
		at      string
		want    bool
	}{
		{"127.0.0.1:80", false, "127.0.0.1:80", true},
		{"127.0.0.1:80", false, "127.0.0.1:81", false},
		{"127.0.0.1:80", false, "127.0.0.2:80", false},
		{"0.0.0.0:80", false, "127.0.0.2:80", true},
		{"0.0.0.0:80", false, "[::1]:80", false},
		{"[::]:80", false, "[::1]:80", true},
		{"[::]:80", false, "[::ffff:127.0.0.1]:80", true},
		{"[::]:80", true, "[::ffff:127.0.0.1]:80", false},
		{"[::]:80", false, "127.0.0.1:80", false}, // that is another socket's
		{"[::1]:80", false, "[::2]:80", false},
	} {
		l := local{address: netip.MustParseAddrPort(c.listens), v6only: c.v6only}
		if got := l.takes(netip.MustParseAddrPort(c.at)); got != c.want {
			t.Errorf("%s (v6only %t) takes %s: %t", c.listens, c.v6only, c.at, got)
		}
	}
}

// FuzzAnswer wants no answer, whatever is in it, to do harm.
func FuzzAnswer(f *testing.F) {
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, inetBody(unix.AF_INET, 1, 80, 127, 0, 0, 1)))
	f.Add(message(unix.SOCK_DIAG_BY_FAMILY, unixBody(1, 1, attribute(0, "/x"), attribute(4, "12345678"))))
	f.Add(append(message(unix.NLMSG_ERROR, make([]byte, 20)), message(unix.NLMSG_DONE, nil)...))
	f.Fuzz(func(t *testing.T, answer []byte) {
		left := len(answer)
		_, _ = parseAnswer(answer, func(body []byte) error {
			if left -= headerSize + len(body); left < 0 {
				t.Fatal("more was read than there is")
			}
			if c, err := parseInetDiag(body); err == nil && !c.local.IsValid() {
				t.Fatalf("%+v", c)
			}
			if c, err := parseUnixDiag(body); err == nil && (c.queue < 0 || len(c.name) > len(body)) {
				t.Fatalf("%+v", c)
			}
			return nil
		})
	})
}

func FuzzProcNet(f *testing.F) {
	f.Add("   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20263 1\n")
	f.Add("00000000b810ad34: 00000003 00000000 00000000 0001 02     0 /run/a b \n")
	f.Fuzz(func(t *testing.T, line string) {
		if c, err := parseInetLine(line); err == nil && !c.local.IsValid() {
			t.Fatalf("%+v", c)
		}
		if c, err := parseUnixLine(line); err == nil && len(c.name) > len(line) {
			t.Fatalf("%+v", c)
		}
	})
}

package capture

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"time"

	"supervise/internal/config"
)

// tai is what TAI64 labels are ahead of Unix time: 2^62 and the ten seconds
// between TAI and UTC in 1970, which all of these programs leave it at.
const tai = 1<<62 + 10

const rfc3339 = "2006-01-02T15:04:05.000000Z"

// stampOf is what stands before a line that was read at a time.
func stampOf(kind config.Timestamps, at time.Time) []byte {
	switch kind {
	case config.RFC3339:
		return append(at.UTC().AppendFormat(nil, rfc3339), ' ')
	case config.TAI64N:
		var label [12]byte
		put(label[:8], uint64(at.Unix())+tai)
		put(label[8:], uint64(at.Nanosecond()))
		return append(hex.AppendEncode([]byte{'@'}, label[:]), ' ')
	}
	return nil
}

func put(to []byte, v uint64) { // big-endian
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte(v)
		v >>= 8
	}
}

// parseStamp takes the time off a line.
func parseStamp(kind config.Timestamps, line []byte) (at time.Time, rest []byte, ok bool) {
	word, rest, found := bytes.Cut(line, []byte{' '})
	if !found {
		return at, line, false
	}
	switch kind {
	case config.RFC3339:
		t, err := time.Parse(time.RFC3339Nano, string(word))
		if err != nil {
			return at, line, false
		}
		return t, rest, true
	case config.TAI64N:
		if len(word) != 25 || word[0] != '@' {
			return at, line, false
		}
		sec, err := strconv.ParseUint(string(word[1:17]), 16, 64)
		nsec, err2 := strconv.ParseUint(string(word[17:]), 16, 32)
		if err != nil || err2 != nil || sec < tai || nsec >= 1e9 {
			return at, line, false
		}
		return time.Unix(int64(sec-tai), int64(nsec)), rest, true
	}
	return at, line, false
}

// stamped appends b with stamp before each line that begins in it; midLine says
// that b continues one.
func stamped(to, b, stamp []byte, midLine bool) []byte {
	for len(b) > 0 {
		if !midLine {
			to = append(to, stamp...)
		}
		i := bytes.IndexByte(b, '\n') + 1
		if midLine = i == 0; midLine {
			i = len(b)
		}
		to = append(to, b[:i]...)
		b = b[i:]
	}
	return to
}

package unitfile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unit is a unit of time and what it is called.
func timeUnit(name string) (time.Duration, bool) {
	const day = 24 * time.Hour
	switch name {
	case "usec", "us", "µs", "μs":
		return time.Microsecond, true
	case "msec", "ms":
		return time.Millisecond, true
	case "seconds", "second", "sec", "s", "":
		return time.Second, true
	case "minutes", "minute", "min", "m":
		return time.Minute, true
	case "hours", "hour", "hr", "h":
		return time.Hour, true
	case "days", "day", "d":
		return day, true
	case "weeks", "week", "w":
		return 7 * day, true
	case "months", "month", "M":
		return 2629800 * time.Second, true
	case "years", "year", "y":
		return 31557600 * time.Second, true
	}
	return 0, false
}

// Time reads a length of time, "1min 30s" or "5", which is seconds. For
// "infinity" it is 0 and forever is true.
func Time(value string) (d time.Duration, forever bool, err error) {
	wrong := fmt.Errorf("%q is no length of time", value)
	rest := strings.TrimSpace(value)
	if rest == "infinity" {
		return 0, true, nil
	}
	if rest == "" {
		return 0, false, wrong
	}
	total := 0.0
	for rest != "" {
		n := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		number, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil {
			return 0, false, wrong
		}
		rest = strings.TrimLeft(rest[n:], " \t")
		n = strings.IndexAny(rest, "0123456789. \t")
		if n < 0 {
			n = len(rest)
		}
		unit, ok := timeUnit(rest[:n])
		if !ok {
			return 0, false, wrong
		}
		total += number * float64(unit)
		rest = strings.TrimLeft(rest[n:], " \t")
	}
	if total >= math.MaxInt64/4 { // sums of some of them are made
		return 0, false, fmt.Errorf("%q is too long", value)
	}
	return time.Duration(total), false, nil
}

// FormatTime writes a length of time: "1min 30s", "250ms".
func FormatTime(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	var parts []string
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}} {
		if n := d / unit.d; n > 0 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+unit.name)
			d -= n * unit.d
		}
	}
	if len(parts) == 0 {
		return "1us" // it was not nothing
	}
	return strings.Join(parts, " ")
}

// Bool reads yes, no and their like.
func Bool(value string) (yes, ok bool) {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

// Size reads a number of bytes with K, M, G, T, P or E behind it, powers of 1024.
func Size(value string) (uint64, error) {
	digits := len(value) - len(strings.TrimLeft(value, "0123456789."))
	shift := 0
	if suffix := strings.TrimSpace(value[digits:]); suffix != "" && suffix != "B" {
		i := strings.Index("KMGTPE", suffix)
		if i < 0 || len(suffix) != 1 {
			return 0, fmt.Errorf("%q is no size", value)
		}
		shift = 10 * (i + 1)
	}
	if v, err := strconv.ParseUint(value[:digits], 10, 64); err == nil && v < math.MaxInt64>>shift {
		return v << shift, nil
	}
	v, err := strconv.ParseFloat(value[:digits], 64)
	if v *= float64(uint64(1) << shift); err != nil || v >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size", value)
	}
	return uint64(v), nil
}

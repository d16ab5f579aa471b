package config

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"supervise/internal/nearest"
	"supervise/internal/signals"
)

// The functions here read one value each. What they cannot read they report,
// at the value's place, and then return false.

type (
	duration = time.Duration
	signal   = signals.Signal
)

func truth(r *report, n *node) (bool, bool) {
	v, ok := n.scalar.(bool)
	if !ok {
		r.fail(n, "is "+n.kind()+", expected true or false", "")
	}
	return v, ok
}

// text reads a string. None of ours may contain a NUL byte: the kernel ends
// arguments, paths and variables there.
func text(r *report, n *node) (string, bool) {
	v, ok := n.scalar.(string)
	if !ok {
		r.fail(n, "is "+n.kind()+", expected a string", "")
		return "", false
	}
	if strings.ContainsRune(v, 0) {
		r.fail(n, "contains a NUL byte", "no program can be given one")
		return "", false
	}
	return v, true
}

// elements gives the elements of an array.
func elements(r *report, n *node, of string) ([]*node, bool) {
	if !n.isList {
		r.fail(n, "is "+n.kind()+", expected an array of "+of, "")
		return nil, false
	}
	return n.list, true
}

// listOfText checks that n is an array of strings and gives its elements, so
// that their places are still known.
func listOfText(r *report, n *node) ([]*node, bool) {
	list, ok := elements(r, n, "strings")
	for _, e := range list {
		_, isText := text(r, e)
		ok = ok && isText
	}
	return list, ok
}

// length reads a length of time: a string as Go writes it, or the integer 0.
func length(r *report, n *node) (time.Duration, bool) {
	var v time.Duration
	switch x := n.scalar.(type) {
	case string:
		var err error
		if v, err = time.ParseDuration(x); err != nil {
			hint := `write a number and a unit, as in "100ms", "1.5s" or "1m30s"`
			if f, err := strconv.ParseFloat(x, 64); err == nil && f > 0 {
				hint = fmt.Sprintf("a unit is missing: did you mean \"%ss\"?", x)
			}
			r.fail(n, fmt.Sprintf("%q is no length of time", x), hint)
			return 0, false
		}
	case int64:
		if x != 0 {
			r.fail(n, fmt.Sprintf("%d has no unit", x), fmt.Sprintf("did you mean \"%ds\"?", x))
			return 0, false
		}
	default:
		r.fail(n, "is "+n.kind()+", expected a length of time", `write it as in "100ms" or "1m30s"`)
		return 0, false
	}
	if v < 0 {
		r.fail(n, fmt.Sprintf("%s is negative", v), "")
		return 0, false
	}
	return v, true
}

// lengthFrom reads a length of time that is not below least.
func lengthFrom(least time.Duration) func(*report, *node) (time.Duration, bool) {
	return func(r *report, n *node) (time.Duration, bool) {
		v, ok := length(r, n)
		if ok && v < least {
			r.fail(n, fmt.Sprintf("%s is too short", v), fmt.Sprintf("it is at least %s", least))
			return 0, false
		}
		return v, ok
	}
}

func signalName(r *report, n *node) (signals.Signal, bool) { return signalBy(signals.Parse, r, n) }

// signalBy reads a signal by one of the two ways of package signals.
func signalBy(parse func(string) (signals.Signal, error), r *report, n *node) (signals.Signal, bool) {
	written := ""
	switch x := n.scalar.(type) {
	case string:
		written = x
	case int64:
		written = strconv.FormatInt(x, 10)
	default:
		r.fail(n, "is "+n.kind()+", expected a signal", "signals are written TERM, SIGTERM or 15, real-time ones RTMIN+3")
		return 0, false
	}
	s, err := parse(written)
	if err != nil {
		r.fail(n, err.Error(), "")
		return 0, false
	}
	return s, true
}

// wholeWithin reads an integer from least to most.
func wholeWithin(least, most int) func(*report, *node) (int, bool) {
	return func(r *report, n *node) (int, bool) {
		v, ok := n.scalar.(int64)
		if !ok {
			r.fail(n, "is "+n.kind()+", expected an integer", "")
			return 0, false
		}
		if v < int64(least) || v > int64(most) {
			r.fail(n, fmt.Sprintf("%d is out of range", v), fmt.Sprintf("it goes from %d to %d", least, most))
			return 0, false
		}
		return int(v), true
	}
}

// numberWithin reads a number from least to most.
func numberWithin(least, most float64) func(*report, *node) (float64, bool) {
	return func(r *report, n *node) (float64, bool) {
		var v float64
		switch x := n.scalar.(type) {
		case float64:
			v = x
		case int64:
			v = float64(x)
		default:
			r.fail(n, "is "+n.kind()+", expected a number", "")
			return 0, false
		}
		if !(v >= least && v <= most) || math.IsInf(v, 0) { // NaN is nowhere within
			hint := fmt.Sprintf("it goes from %v to %v", least, most)
			if most == math.MaxFloat64 {
				hint = fmt.Sprintf("it is at least %v", least)
			}
			r.fail(n, fmt.Sprintf("%v is out of range", v), hint)
			return 0, false
		}
		return v, true
	}
}

// oneOf reads one of a few words.
func oneOf[W ~string](words ...W) func(*report, *node) (W, bool) {
	return func(r *report, n *node) (W, bool) {
		v, ok := text(r, n)
		if !ok {
			return "", false
		}
		all := make([]string, len(words))
		for i, w := range words {
			if all[i] = string(w); all[i] == v {
				return w, true
			}
		}
		hint := "it is one of " + strings.Join(all, ", ")
		if best := nearest.Word(v, all); best != "" {
			hint = "did you mean " + best + "? " + hint
		}
		r.fail(n, fmt.Sprintf("%q is not known here", v), hint)
		return "", false
	}
}

// account reads the name or number of a user or group.
func account(r *report, n *node) (string, bool) {
	if v, ok := n.scalar.(int64); ok {
		if v < 0 || v >= math.MaxUint32 {
			r.fail(n, fmt.Sprintf("%d is no number of a user or group", v), "they go from 0 to 4294967294")
			return "", false
		}
		return strconv.FormatInt(v, 10), true
	}
	v, ok := text(r, n)
	if ok && v == "" {
		r.fail(n, "is empty", "leave it out for supervise's own")
		return "", false
	}
	return v, ok
}

// accounts reads an array of users or groups. An empty one is none.
func accounts(r *report, n *node) (all []string, ok bool) {
	list, ok := elements(r, n, "names or numbers of users")
	for _, e := range list {
		a, isOne := account(r, e)
		all, ok = append(all, a), ok && isOne
	}
	return all, ok
}

// loopback reads a TCP address that only this machine reaches, as numbers.
// Nothing asks who comes to it, so another is refused.
func loopback(r *report, n *node) (string, bool) {
	v, ok := text(r, n)
	if !ok || v == "" {
		return "", ok
	}
	const hint = `write it as in "127.0.0.1:9464" or "[::1]:9464"`
	numbers := v
	if port, isLocal := strings.CutPrefix(strings.ToLower(v), "localhost:"); isLocal {
		numbers = "127.0.0.1:" + port
	}
	addr, err := netip.ParseAddrPort(numbers)
	switch {
	case err != nil || addr.Port() == 0 || addr.Addr().Zone() != "":
		r.fail(n, fmt.Sprintf("%q is no address with a port", v), hint)
	case !addr.Addr().IsLoopback():
		r.fail(n, v+" can be reached from other machines, and whoever comes would be answered",
			hint+"; a proxy that knows whom to let in can stand before it")
	default:
		return addr.String(), true
	}
	return "", false
}

// umask reads a file mode mask: "022", "0o022" or the integer 0o022. A decimal
// integer is refused: umask = 22 would be 0o026, which nobody means.
func umask(r *report, n *node) (int, bool) {
	const hint = `write it in octal, as in "022" or 0o022`
	switch x := n.scalar.(type) {
	case string:
		v, err := strconv.ParseUint(strings.TrimPrefix(x, "0o"), 8, 32)
		if err != nil || v > 0o777 {
			r.fail(n, fmt.Sprintf("%q is no umask", x), hint+", at most 777")
			return 0, false
		}
		return int(v), true
	case int64:
		if x < 0 || x > 0o777 || x != 0 && !strings.HasPrefix(n.raw, "0o") {
			r.fail(n, n.raw+" is no umask", hint+", at most 777")
			return 0, false
		}
		return int(x), true
	}
	r.fail(n, "is "+n.kind()+", expected a umask", hint)
	return 0, false
}

// units of sizes, by what follows the number.
var units = sync.OnceValue(func() map[string]float64 {
	return map[string]float64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
	}
})

// parseSize reads a number of bytes, "64MB" or "64MiB". A bare "64M" is
// refused: half of all programs take it for the one, half for the other.
func parseSize(s string) (uint64, error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789."))
	unit, ok := units()[strings.ToUpper(strings.TrimSpace(s[digits:]))]
	if ok && unit == 1 {
		return strconv.ParseUint(s[:digits], 10, 64)
	}
	v, err := strconv.ParseFloat(s[:digits], 64)
	if !ok || err != nil || v*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return uint64(v * unit), nil
}

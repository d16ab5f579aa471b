package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"supervise/internal/nearest"
)

// limitKind is a resource that setrlimit(2) limits.
type limitKind struct {
	resource int
	bytes    bool // the limit is a size, and may be written as one
}

// limitKinds are those of Linux; their names are those of prlimit(1).
var limitKinds = sync.OnceValue(func() map[string]limitKind {
	return map[string]limitKind{
		"as":         {unix.RLIMIT_AS, true},
		"core":       {unix.RLIMIT_CORE, true},
		"cpu":        {unix.RLIMIT_CPU, false},
		"data":       {unix.RLIMIT_DATA, true},
		"fsize":      {unix.RLIMIT_FSIZE, true},
		"locks":      {unix.RLIMIT_LOCKS, false},
		"memlock":    {unix.RLIMIT_MEMLOCK, true},
		"msgqueue":   {unix.RLIMIT_MSGQUEUE, true},
		"nice":       {unix.RLIMIT_NICE, false},
		"nofile":     {unix.RLIMIT_NOFILE, false},
		"nproc":      {unix.RLIMIT_NPROC, false},
		"rss":        {unix.RLIMIT_RSS, true},
		"rtprio":     {unix.RLIMIT_RTPRIO, false},
		"rttime":     {unix.RLIMIT_RTTIME, false},
		"sigpending": {unix.RLIMIT_SIGPENDING, false},
		"stack":      {unix.RLIMIT_STACK, true},
	}
})

const unlimited = "unlimited"

// setLimits reads a table of limits: 65536, "65536:1048576" (soft and hard),
// "unlimited", and for those in bytes "1GB".
func (d *draft) setLimits(r *report, n *node) {
	if !n.isTable {
		r.fail(n, "is "+n.kind()+", expected a table of limits", "")
		return
	}
	for _, e := range n.table {
		kind, ok := limitKinds()[e.name]
		if !ok {
			names := slices.Sorted(maps.Keys(limitKinds()))
			hint := "the limits are " + strings.Join(names, ", ")
			if best := nearest.Word(e.name, names); best != "" {
				hint = "did you mean " + best + "?"
			}
			r.failAt(e.key, e.path, "no such limit", hint)
			continue
		}
		if l, ok := readLimit(r, e, kind); ok {
			l.Name, l.Resource = e.name, kind.resource
			d.limits[e.name] = l
		}
	}
}

func readLimit(r *report, n *node, kind limitKind) (Limit, bool) {
	var soft, hard string
	switch v := n.scalar.(type) {
	case int64:
		soft, hard = strconv.FormatInt(v, 10), strconv.FormatInt(v, 10)
	case string:
		var both bool
		if soft, hard, both = strings.Cut(v, ":"); !both {
			hard = soft
		}
	default:
		r.fail(n, "is "+n.kind()+", expected a limit", `write 65536, "1024:65536" (soft and hard) or "unlimited"`)
		return Limit{}, false
	}
	var l Limit
	for _, part := range []struct {
		written string
		to      *uint64
	}{{soft, &l.Soft}, {hard, &l.Hard}} {
		v, err := parseLimit(part.written, kind)
		if err != nil {
			r.fail(n, fmt.Sprintf("%q is no limit", part.written), limitHint(kind))
			return Limit{}, false
		}
		*part.to = v
	}
	if l.Soft > l.Hard {
		r.fail(n, fmt.Sprintf("the soft limit %s is above the hard limit %s", soft, hard), "write the soft limit first")
		return Limit{}, false
	}
	return l, true
}

func parseLimit(s string, kind limitKind) (uint64, error) {
	switch s = strings.TrimSpace(s); {
	case s == unlimited:
		return unix.RLIM_INFINITY, nil
	case kind.bytes:
		return parseSize(s)
	}
	return strconv.ParseUint(s, 10, 64)
}

func limitHint(kind limitKind) string {
	if kind.bytes {
		return `write bytes, or a size as in "64MB" (a million) or "64MiB" (1048576), or "unlimited"`
	}
	return `write a number from 0 or "unlimited"`
}

// String gives the limit as a configuration says it: "1024:unlimited".
func (l Limit) String() string { return limitText(l.Soft) + ":" + limitText(l.Hard) }

func limitText(v uint64) string {
	if v == unix.RLIM_INFINITY {
		return unlimited
	}
	return strconv.FormatUint(v, 10)
}

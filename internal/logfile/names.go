package logfile

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Part is a rotated file: what PATH was until Stamp.
type Part struct {
	Name   string    // in the directory, without .gz
	Stamp  time.Time // when it was rotated
	Plain  bool      // NAME is there
	Packed bool      // NAME.gz is there, whole
}

const (
	// stampForm is UTC and of one width, so that names sort as the times do, for
	// people and for ls. (svlogd's and s6-log's @TAI64N sorts too, but nobody
	// can read it.)
	stampForm = "20060102T150405.000000000Z"
	packed    = ".gz"
	unpacked  = ".gz.tmp" // a .gz that is not whole yet
)

// partName names what is rotated now: later than all before it, also when the
// clock was set back, so that the order of the names is that of the lines.
func partName(base string, now, last time.Time) (name string, stamp time.Time) {
	if !now.After(last) {
		now = last.Add(1)
	}
	return base + "." + now.UTC().Format(stampForm), now
}

// parsePart recognizes a rotated file of base.
func parsePart(base, entry string) (p Part, ok bool) {
	rest, ok := strings.CutPrefix(entry, base+".")
	if !ok {
		return p, false
	}
	stamp, isPacked := strings.CutSuffix(rest, packed)
	t, err := time.Parse(stampForm, stamp)
	if err != nil || t.Format(stampForm) != stamp {
		return p, false
	}
	return Part{Name: base + "." + stamp, Stamp: t, Plain: !isPacked, Packed: isPacked}, true
}

// isUnfinished says whether an entry is a .gz of base that a crash has left
// half written.
func isUnfinished(base, entry string) bool {
	name, ok := strings.CutSuffix(entry, unpacked)
	if !ok {
		return false
	}
	_, ok = parsePart(base, name)
	return ok
}

// partsOf finds the rotated files of base among the entries of its directory,
// the oldest first.
func partsOf(base string, entries []string) []Part {
	var parts []Part
	for _, e := range entries {
		p, ok := parsePart(base, e)
		if !ok {
			continue
		}
		i, found := slices.BinarySearchFunc(parts, p, func(a, b Part) int { return cmp.Compare(a.Name, b.Name) })
		if found {
			parts[i].Plain, parts[i].Packed = parts[i].Plain || p.Plain, parts[i].Packed || p.Packed
			continue
		}
		parts = slices.Insert(parts, i, p)
	}
	return parts
}

// expired gives the parts that are too many, when keep (0: all) may stay.
func expired(parts []Part, keep int) []Part {
	if keep == 0 || len(parts) <= keep {
		return nil
	}
	return parts[:len(parts)-keep]
}

// Package remains is about what a supervise leaves behind that was killed, or
// ended in any other way without its shutdown: processes of its services that
// the parent-death signal does not reach.
//
// Each supervise notes who it is in the lock file of its control socket, which
// is named after its configuration. Whoever gets that lock next finds the note
// only if there was no shutdown. A process is that one's own if it has its mark
// in the environment, or is in its cgroup; and nothing else is ended.
package remains

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
	"supervise/internal/tree"
)

// Record is a note of who a supervise is.
type Record struct {
	Boot      string // of the kernel: no process outlives it
	Namespace string // of its pids
	Mark      string // begins the mark of each of its processes; its pid and its start time are in it
	Cgroup    string // its root; "": it has none
	Inode     uint64 // of the root
}

// Own is the record of this process. Without /proc it is empty: nobody could
// find anything by it.
func Own(host *tree.Host) (r Record) {
	here, err := where()
	if err != nil {
		return Record{}
	}
	r = here
	r.Mark = host.Mark()
	if root := host.Cgroups(); root != nil {
		r.Cgroup, r.Inode = root.Identity()
	}
	return r
}

// where is what a record of this moment and of this place has.
func where() (r Record, err error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return r, err
	}
	r.Boot = strings.TrimSpace(string(boot))
	r.Namespace, err = os.Readlink("/proc/self/ns/pid")
	return r, err
}

// Note writes records as text, a line for each.
func Note(records []Record) string {
	var text strings.Builder
	for _, r := range records {
		if r.Mark != "" {
			fmt.Fprintf(&text, "%s %s %d %q %q\n", r.Boot, r.Namespace, r.Inode, r.Cgroup, r.Mark)
		}
	}
	return text.String()
}

// Read reads such a text. What is no record, because its writer was killed over
// it, is left out.
func Read(text string) (records []Record) {
	for line := range strings.Lines(text) {
		var r Record
		_, err := fmt.Sscanf(line, "%s %s %d %q %q\n", &r.Boot, &r.Namespace, &r.Inode, &r.Cgroup, &r.Mark)
		if _, ok := r.owner(); err == nil && ok {
			records = append(records, r)
		}
	}
	return records
}

// owner is the supervise that is meant.
func (r Record) owner() (owner, bool) {
	body, ok := strings.CutSuffix(r.Mark, ".")
	if !ok {
		return owner{}, false
	}
	return parseOwner(body[strings.LastIndexByte(body, '/')+1:])
}

// owner is a supervise: its pid, and when it was started.
type owner struct {
	pid   int
	start uint64
}

// parseOwner reads "PID.START", whatever follows after a dot.
func parseOwner(text string) (o owner, ok bool) {
	n, _ := fmt.Sscanf(text, "%d.%d", &o.pid, &o.start)
	return o, n == 2 && o.pid > 0
}

// lives says whether it does, or may: what can't be read is taken for alive.
func (o owner) lives() bool {
	p, err := procfs.Stat(o.pid)
	if err != nil {
		return !procfs.Ended(err)
	}
	return p.Start == o.start && !p.Gone()
}

func (o owner) ourselves() bool {
	return o.pid == unix.Getpid()
}

package runit

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"supervise/internal/procfs"
)

// holder finds out who has the lock on a file, from /proc/locks (proc(5)); "" when
// that cannot be known, as for a process in another PID namespace.
func holder(fd int) string {
	var st unix.Stat_t
	text, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(fd, &st) != nil {
		return ""
	}
	id := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	pid := lockHolder(string(text), id)
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf("%s, pid %d,", procfs.Name(pid), pid)
}

// lockHolder reads the text of /proc/locks: who has the flock(2) of a file, which
// is told by its device and inode; 0: nobody that we see.
func lockHolder(locks, id string) int {
	for line := range strings.Lines(locks) {
		// "1: FLOCK  ADVISORY  WRITE 812 fd:01:1234 0 EOF"
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "FLOCK" || fields[5] != id {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			return pid
		}
		return 0
	}
	return 0
}

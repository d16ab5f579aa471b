package runit

import (
	"fmt"
	"os"
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
	for line := range strings.Lines(string(text)) {
		// "1: FLOCK  ADVISORY  WRITE 812 fd:01:1234 0 EOF"
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "FLOCK" || fields[5] != id {
			continue
		}
		var pid int
		if _, err := fmt.Sscan(fields[4], &pid); err != nil || pid <= 0 {
			return ""
		}
		return fmt.Sprintf("%s, pid %d,", procfs.Name(pid), pid)
	}
	return ""
}

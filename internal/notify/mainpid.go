package notify

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// NewMain finds the process that the datagram says is the main one from now on,
// and makes sure of it as far as the service helps; 0: it names none. Whether
// it is one of the service's is another question: [Look], then [Trusted].
func (d *Datagram) NewMain() (pid int, err error) {
	m := d.Message
	switch {
	case m.MainPIDFD && len(d.files) == 1:
		pid, err = pidOf(d.files[0])
		if err != nil {
			return 0, fmt.Errorf("MAINPIDFD=1: %w", err)
		}
	case m.MainPID > 0 && m.MainPIDInode != nil:
		if err := checkInode(m.MainPID, *m.MainPIDInode); err != nil {
			return 0, fmt.Errorf("MAINPID=%d with MAINPIDFDID=%d: %w", m.MainPID, *m.MainPIDInode, err)
		}
		pid = m.MainPID
	default:
		pid = m.MainPID
	}
	return pid, nil
}

// pidOf asks which process a pidfd is of, see pidfd_open(2).
func pidOf(pidfd int) (int, error) {
	info, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(pidfd))
	if err != nil {
		return 0, err
	}
	return pidFrom(info)
}

// pidFrom reads the text of a pidfd in /proc/self/fdinfo.
func pidFrom(info []byte) (int, error) {
	for line := range bytes.Lines(info) {
		if value, ok := bytes.CutPrefix(line, []byte("Pid:")); ok {
			switch pid, err := strconv.Atoi(string(bytes.TrimSpace(value))); {
			case err != nil:
				return 0, err
			case pid == 0:
				return 0, errors.New("the process is outside of our PID namespace")
			case pid < 0:
				return 0, errors.New("the process is gone")
			default:
				return pid, nil
			}
		}
	}
	return 0, errors.New("the descriptor is no pidfd")
}

// checkInode says whether a process is the one whose pidfd has this inode.
// Before Linux 6.9 all pidfds have the same, and the pid has to do.
func checkInode(pid int, inode uint64) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH || err == unix.EINVAL {
		return errors.New("there is no such process")
	}
	if err != nil {
		return nil // no pidfds here
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err := errors.Join(unix.Fstatfs(fd, &fs), unix.Fstat(fd, &st)); err != nil || fs.Type != unix.PID_FS_MAGIC {
		return nil
	}
	if st.Ino != inode {
		return fmt.Errorf("process %d is another one by now", pid)
	}
	return nil
}

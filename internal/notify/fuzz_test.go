package notify

import (
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzControl: what comes along with a datagram is read without falling over, and
// no descriptor is made up. The bytes are never a real one's, so nothing is closed.
func FuzzControl(f *testing.F) {
	f.Add(unix.UnixCredentials(&unix.Ucred{Pid: 812, Uid: 1000, Gid: 100}))
	f.Add(append(unix.UnixCredentials(&unix.Ucred{Pid: 1}), unix.UnixRights(3, 4)...))
	f.Add(unix.UnixRights())
	f.Add([]byte{0x18, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, unix.SCM_PIDFD, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _ := parseControl(b)
		if got.pidfd < -1 {
			t.Errorf("the pidfd is %d", got.pidfd)
		}
		if len(got.files)*4 > len(b) {
			t.Errorf("%d descriptors in %d bytes", len(got.files), len(b))
		}
	})
}

// FuzzPIDFrom: of the text of a pidfd's fdinfo comes a process or an error.
func FuzzPIDFrom(f *testing.F) {
	f.Add([]byte("pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1\nPid:\t812\nNSpid:\t812\n"))
	f.Add([]byte("Pid:\t-1\n"))
	f.Add([]byte("Pid:\t0\nPid:\t3"))
	f.Add([]byte("pos:\t0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if pid, err := pidFrom(b); (pid > 0) != (err == nil) || pid < 0 {
			t.Errorf("%d, %v", pid, err)
		}
	})
}

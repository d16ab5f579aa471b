// Package birth remembers the state in which this process was executed, before
// Go's runtime changed it: by the first line of main the runtime has put
// handlers over inherited dispositions, opened /dev/null in place of closed
// standard streams, and raised the limit of open files.
//
// The memory is made by a few lines of assembly that run before the runtime
// (entry_ARCH.s). The linker must be told that the program begins there, which
// the Makefile does:
//
//	go build -ldflags '-E supervise/internal/birth.entry'
//
// In a binary that was linked without it, [Known] says false and everything
// else answers as if the process had been born with the defaults.
package birth

// The tables that entry fills in. Their layout is the kernel's.
var (
	actions [65][4]uint64 // struct sigaction by signal: handler, flags, restorer, mask
	mask    uint64        // bit n-1 for signal n
	streams [3]int64      // what fcntl(fd, F_GETFD) answered for 0, 1 and 2
	files   [2]uint64     // struct rlimit of RLIMIT_NOFILE: soft, hard
	known   uint64
)

// Known says whether the state is known.
func Known() bool { return known != 0 }

// Ignored says whether a signal was ignored (SIG_IGN).
func Ignored(signal int) bool { return actions[signal][0] == 1 }

// Mask is the set of signals that were blocked: bit n-1 for signal n.
func Mask() uint64 { return mask }

// Closed says whether one of the descriptors 0, 1 and 2 was closed.
func Closed(fd int) bool { return streams[fd] < 0 }

// Files gives the limit of open files, RLIMIT_NOFILE.
func Files() (soft, hard uint64) { return files[0], files[1] }

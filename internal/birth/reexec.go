package birth

// A supervise that is replaced by another binary has all signals blocked when it
// executes that. Go's runtime does not leave it so: early in its start, long before
// main, it unblocks HUP, INT, QUIT, ABRT, TERM and 34, a moment before it has
// handlers for them, and those that it then has end the process. What came during
// the exec would be the end of all.
//
// So when the first variable of the environment is [Reexec] entry puts a handler of
// its own in place, which only notes what came, and a filter before the runtime's
// sigaction(2), which leaves it there. For that the runtime has a hook,
// _cgo_sigaction, meant for C libraries that look after signals themselves
// (runtime/cgo_sigaction.go). All other signals stay blocked.

// Reexec is the variable that says so. Its name is in entry_ARCH.s too.
const Reexec = "SUPERVISE_REEXEC"

// InfoSize is the size of siginfo_t on every Linux.
const InfoSize = 128

// most is how many signals are kept. Its number is in entry_ARCH.s too.
const most = 64

var (
	//lint:ignore U1000 entry fills it in, and gives it to the kernel
	action     [4]uint64 // struct sigaction of early
	infos      [most][InfoSize]byte
	came       uint32 // how many; those after most are lost
	reexecuted uint64
)

// Reexecuted says that the previous image of this process was a supervise that
// hands over to us, and that all signals are still kept from us.
func Reexecuted() bool { return reexecuted != 0 }

// Early gives the signals that have come so far, as siginfo_t, when another handler
// has taken the place of early on all threads.
func Early() [][InfoSize]byte {
	release()
	return infos[:min(came, most)]
}

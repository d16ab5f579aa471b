// Chaos runs `supervise up` over many services in namespaces of its own, does
// harm of all kinds to it and to them at random, and then looks for what is not as
// it should be: zombies, strays, lines that are lost or there twice, descriptors,
// threads and memory that grow, services in another state than was asked for.
//
//	chaos -supervise bin/supervise [-services 200] [-time 60s] [-actions N] [-seed N]
//
// What can be harmed is in a PID namespace, a mount namespace, and where the kernel
// has them a time namespace, and in cgroups made for it. See docs/chaos.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds each wait for what has to come. It is far above what any takes.
const patience = 3 * time.Minute

// order is what is to be done.
type order struct {
	Supervise string // the binary
	Dir       string // for all files
	Services  int
	Time      time.Duration // the harm ends after it, or after so many
	Actions   int           // actions; 0: any number
	Seed      uint64
	Group     group
	Clock     time.Duration // by which the monotonic clock and that of the boot are ahead
}

func main() {
	if role(os.Args) {
		return
	}
	var o order
	flag.StringVar(&o.Supervise, "supervise", "bin/supervise", "the `PATH` of the binary")
	flag.IntVar(&o.Services, "services", 200, "how many services there are")
	flag.DurationVar(&o.Time, "time", time.Minute, "how long harm is done")
	flag.IntVar(&o.Actions, "actions", 0, "after how many acts it ends before that; 0: none")
	flag.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()), "what the random choices come from")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "chaos: it takes no arguments; chaos -h lists its flags")
		os.Exit(2)
	}
	fmt.Printf("CHAOSTIME=%s SEED=%d\n", o.Time, o.Seed)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	report, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	fmt.Print(report.String())
	if len(report.Wrong) > 0 {
		os.Exit(1)
	}
}

// role plays the part that a name asks for; false: it is none of them.
func role(args []string) bool {
	switch filepath.Base(args[0]) {
	case serviceName:
		if len(args) == 3 {
			playService(args[1], args[2])
		}
		os.Exit(2)
	case probeName:
		os.Exit(0)
	case stageName:
		if len(args) == 2 {
			playStage(args[1])
		}
		os.Exit(2)
	}
	return false
}

// run makes the namespaces and the cgroups, and has a stage play in them.
func run(ctx context.Context, o order) (*report, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("namespaces and cgroups take root, and this is user %d", os.Geteuid())
	}
	runtime.LockOSThread() // the stage dies with the thread that has started it
	defer runtime.UnlockOSThread()
	var err error
	if o.Supervise, err = filepath.Abs(o.Supervise); err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.Supervise); err != nil {
		return nil, fmt.Errorf("%w; make build makes it, -supervise names another", err)
	}
	if o.Dir, err = os.MkdirTemp("", "chaos"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(o.Dir)
	o.Group = newGroup("chaos-" + filepath.Base(o.Dir))
	defer func() { _ = o.Group.remove() }()

	cmd := o.command()
	out, err := os.OpenFile(filepath.Join(o.Dir, "report"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("making namespaces: %w", err)
	}
	// With the one that is killed here, all that is in the namespace ends.
	bound, stop := context.WithTimeoutCause(ctx, o.Time+10*patience, errors.New("it does not come to its end"))
	defer stop()
	defer context.AfterFunc(bound, func() { _ = cmd.Process.Kill() })()
	err = cmd.Wait()
	if bound.Err() != nil {
		return nil, context.Cause(bound)
	}
	b, readErr := os.ReadFile(out.Name())
	if err != nil || readErr != nil {
		return nil, fmt.Errorf("the stage has failed: %v, %v\n%s", err, readErr, b)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("the stage reports %q: %w", b, err)
	}
	if err := o.Group.remove(); err != nil {
		r.wrong("the cgroups cannot be removed: %v", err)
	}
	return &r, nil
}

// command starts the stage as PID 1 of its namespaces, by unshare(1), which can make
// one for the clocks too. It dies with us, and the namespace with it.
func (o *order) command() *exec.Cmd {
	self := "/proc/self/exe"
	if path, err := os.Executable(); err == nil {
		self = path
	}
	link := filepath.Join(o.Dir, stageName)
	_ = os.Symlink(self, link)
	_ = os.Symlink(self, filepath.Join(o.Dir, serviceName))
	_ = os.Symlink(self, filepath.Join(o.Dir, probeName))
	args := []string{"--pid", "--mount", "--fork", "--kill-child", "--mount-proc"}
	o.Clock = time.Duration(o.Seed%1000+1) * 24 * time.Hour
	ahead := fmt.Sprint(int64(o.Clock / time.Second))
	clocks := []string{"--time", "--monotonic", ahead, "--boottime", ahead}
	if exec.Command("unshare", append(clocks, "--fork", "true")...).Run() == nil {
		args = append(args, clocks...)
	} else {
		o.Clock = 0
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	cmd := exec.Command("unshare", append(args, link, string(text))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	return cmd
}

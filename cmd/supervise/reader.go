package main

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errReaderGone says that nobody reads our output any more.
var errReaderGone = unix.EPIPE

// whileRead gives a context that ends when nobody reads our standard output
// any more: in `supervise events -f | head -1` the next write, which would
// tell, may never come.
func whileRead(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		out := []unix.PollFd{{Fd: int32(os.Stdout.Fd())}} // no events: errors are always told
		for {
			n, err := unix.Poll(out, -1)
			switch {
			case errors.Is(err, unix.EINTR):
			case err != nil || n == 0 || out[0].Revents&(unix.POLLERR|unix.POLLHUP) == 0:
				return
			default:
				cancel(errReaderGone)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

package record

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"supervise/internal/carry"
	"supervise/internal/private"
)

// File writes a trace. It takes whole lines, is for one goroutine, and never
// fails: the first time that a line can't be written, failed is told why, once.
// What could not be written is missing, and the lines after it are whole again.
type File struct {
	header []byte // not written yet; nil: it was
	file   *os.File
	failed func(error)
	told   bool
	torn   bool // the last line is not whole, and could not be taken back
}

// Create makes a trace, readable by its owner alone: it has command lines,
// names and reasons of programs. What is at path is replaced, unless it is no
// regular file, such as a pipe, whose reader gets the trace. The header is
// written with the first line, so that Create does not wait for a reader.
func Create(path string, h Header, failed func(error)) (*File, error) {
	file, err := private.Create(path)
	if err != nil {
		return nil, err
	}
	return &File{header: h.line(), file: file, failed: failed}, nil
}

// CarriedFile is a trace, for the next image of this process to go on with, see package
// carry.
type CarriedFile struct {
	FD     carry.FD
	Header []byte
	Told   bool
	Torn   bool
}

// Carry gives it, while nothing is written.
func (f *File) Carry() *CarriedFile {
	return &CarriedFile{carry.FD(f.file.Fd()), f.header, f.told, f.torn}
}

// Restore is [Create] for a trace that was begun.
func Restore(c *CarriedFile, failed func(error)) *File {
	return &File{header: c.Header, file: os.NewFile(uintptr(c.FD), "trace"), told: c.Told, torn: c.Torn, failed: failed}
}

// Write writes whole lines.
func (f *File) Write(lines []byte) (int, error) {
	if f.header != nil {
		if err := f.write(f.header); err != nil {
			f.tell(err)
			return len(lines), nil
		}
		f.header = nil
	}
	if err := f.write(lines); err != nil {
		f.tell(err)
	}
	return len(lines), nil
}

// write writes all of it or, where that can be undone, nothing.
func (f *File) write(lines []byte) error {
	if f.torn {
		lines = append([]byte("\n"), lines...)
	}
	n, err := f.file.Write(lines)
	if err == nil {
		f.torn = false
		return nil
	}
	if n > 0 {
		end, seekErr := f.file.Seek(0, io.SeekCurrent)
		f.torn = seekErr != nil || f.file.Truncate(end-int64(n)) != nil
	}
	return err
}

func (f *File) tell(err error) {
	if f.told {
		return
	}
	f.told = true
	remedy := ""
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		remedy = "; make room, and it goes on"
	}
	f.failed(fmt.Errorf("writing the trace: %w: events will be missing in it%s", err, remedy))
}

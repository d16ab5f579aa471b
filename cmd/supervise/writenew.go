package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// writeNew writes a file, or to w when no path is given. A file that is there
// stays as it is, unless overwrite says otherwise.
func writeNew(w io.Writer, path string, data []byte, overwrite bool) error {
	if path == "" || path == "-" {
		if _, err := w.Write(data); err != nil {
			return exit{exitFailed, fmt.Errorf("cannot write the result: %w", err)}
		}
		return nil
	}
	how := os.O_EXCL
	if overwrite {
		how = os.O_TRUNC
	}
	// A configuration that others may write is refused by those who read it, see config.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exit{exitUsage, fmt.Errorf("%s is there already, and was left as it is; --force overwrites it", path)}
	}
	if err != nil {
		return exit{exitFailed, fmt.Errorf("cannot write the result: %w", err)}
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return exit{exitFailed, fmt.Errorf("cannot write the result: %w", err)}
	}
	return nil
}

//go:build !amd64 && !arm64

package birth

func release() {}

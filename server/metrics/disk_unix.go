//go:build linux || darwin

package metrics

import "syscall"

// disk returns the bytes that are free to this process and all bytes of the disk that a directory is on.
func disk(dir string) (free, size float64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	block := float64(st.Bsize)
	return float64(st.Bavail) * block, float64(st.Blocks) * block, nil
}

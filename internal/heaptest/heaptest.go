// Package heaptest tells tests what is in use on the heap, without garbage.
package heaptest

import "runtime"

// Bytes returns the bytes in use.
func Bytes() int64 {
	m := collected()
	return int64(m.HeapAlloc)
}

// Objects returns the number of objects in use.
func Objects() int64 {
	m := collected()
	return int64(m.HeapObjects)
}

// collected returns figures of the heap after two collections: the second one frees what a
// sync.Pool still holds after the first.
func collected() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

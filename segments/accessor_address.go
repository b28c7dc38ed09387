package segments

import "unsafe"

// address returns where b lies in memory, to be compared with the address of a
// fault and never to be followed.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

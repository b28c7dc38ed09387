//go:build !race

package segments

// raceEnabled says that the race detector makes everything slow.
const raceEnabled = false

package filter

import (
	"fmt"
	"math"

	"github.com/tidemark-db/tidemark/segments/payload"
)

// GeoPoint is a place on earth, in degrees. NewGeoPoint checks one.
type GeoPoint struct{ Lon, Lat float64 }

// GeoBoundingBox holds for a place strictly inside the box. A box whose left
// side lies east of its right side crosses the antimeridian.
type GeoBoundingBox struct{ TopLeft, BottomRight GeoPoint }

// GeoRadius holds for a place less than Radius metres from Center.
type GeoRadius struct {
	Center GeoPoint
	Radius float64
}

// GeoPolygon holds for a place inside Exterior and outside of each of
// Interiors; the borders of all of them are outside. Lines are straight in
// degrees. NewGeoPolygon checks one.
type GeoPolygon struct {
	Exterior  []GeoPoint // closed: the first point is the last
	Interiors [][]GeoPoint
}

// GeoPointError says that coordinates are none.
type GeoPointError struct{ Lon, Lat float64 }

// Error implements error.
func (e *GeoPointError) Error() string {
	return fmt.Sprintf("Wrong format of GeoPoint payload: expected `lat` = %v within [-90;90] and `lon` = %v within [-180;180]", e.Lat, e.Lon)
}

// GeoPolygonError says why lines make no polygon.
type GeoPolygonError struct{ Reason string }

// Error implements error.
func (e *GeoPolygonError) Error() string { return "polygon invalid, " + e.Reason }

// NewGeoPoint returns the place at these degrees. The error is a
// *GeoPointError.
func NewGeoPoint(lon, lat float64) (GeoPoint, error) {
	// Written so that NaN is refused.
	if !(math.Abs(lon) <= 180 && math.Abs(lat) <= 90) {
		return GeoPoint{}, &GeoPointError{Lon: lon, Lat: lat}
	}
	return GeoPoint{Lon: lon, Lat: lat}, nil
}

// NewGeoPolygon returns the polygon between an exterior line and any number of
// interior ones. The error is a *GeoPolygonError.
func NewGeoPolygon(exterior []GeoPoint, interiors [][]GeoPoint) (*GeoPolygon, error) {
	p := &GeoPolygon{Exterior: exterior, Interiors: interiors}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *GeoPolygon) check() error {
	if err := checkLine(p.Exterior); err != nil {
		return err
	}
	for _, line := range p.Interiors {
		if err := checkLine(line); err != nil {
			return err
		}
	}
	return nil
}

func checkLine(line []GeoPoint) error {
	const minPoints = 4 // a triangle, closed
	if len(line) < minPoints {
		return &GeoPolygonError{Reason: fmt.Sprintf("the size must be at least %d, got %d", minPoints, len(line))}
	}
	if line[0] != line[len(line)-1] {
		return &GeoPolygonError{Reason: "the first and the last points should be the same to form a closed line"}
	}
	return nil
}

// geoPointOf reads a place out of an object with the numbers lon and lat.
func geoPointOf(v payload.Value) (GeoPoint, bool) {
	lat, ok := numberField(v, "lat")
	if !ok {
		return GeoPoint{}, false
	}
	lon, ok := numberField(v, "lon")
	return GeoPoint{Lon: lon, Lat: lat}, ok
}

func numberField(v payload.Value, key string) (float64, bool) {
	field, ok := v.Field(key)
	if !ok {
		return 0, false
	}
	return field.Number()
}

func (b *GeoBoundingBox) contains(p GeoPoint) bool {
	left, right := b.TopLeft.Lon, b.BottomRight.Lon
	within := left < p.Lon && p.Lon < right
	if left > right {
		within = p.Lon > left || p.Lon < right
	}
	return within && b.BottomRight.Lat < p.Lat && p.Lat < b.TopLeft.Lat
}

func (r *GeoRadius) contains(p GeoPoint) bool { return haversine(r.Center, p) < r.Radius }

// haversine returns the distance in metres on a sphere with the mean radius of
// the earth.
func haversine(a, b GeoPoint) float64 {
	const earthRadius = 6371008.8
	const radians = math.Pi / 180
	lat1, lat2 := a.Lat*radians, b.Lat*radians
	sinLat := math.Sin((lat2 - lat1) / 2)
	sinLon := math.Sin((b.Lon - a.Lon) * radians / 2)
	h := sinLat*sinLat + math.Cos(lat1)*math.Cos(lat2)*sinLon*sinLon
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}

func (p *GeoPolygon) contains(q GeoPoint) bool {
	if within, _ := insideLine(p.Exterior, q); !within {
		return false
	}
	for _, line := range p.Interiors {
		if within, border := insideLine(line, q); within || border {
			return false
		}
	}
	return true
}

// insideLine reports whether q lies strictly within a closed line, or on it. It
// counts how often a ray from q to the east crosses the line.
func insideLine(line []GeoPoint, q GeoPoint) (within, border bool) {
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		cross := (b.Lon-a.Lon)*(q.Lat-a.Lat) - (b.Lat-a.Lat)*(q.Lon-a.Lon)
		if cross == 0 && between(a.Lon, q.Lon, b.Lon) && between(a.Lat, q.Lat, b.Lat) {
			return false, true
		}
		switch {
		case a.Lat <= q.Lat && b.Lat > q.Lat && cross > 0, // upwards, q on its left
			b.Lat <= q.Lat && a.Lat > q.Lat && cross < 0: // downwards, q on its right
			within = !within
		}
	}
	return within, false
}

func between(a, x, b float64) bool { return min(a, b) <= x && x <= max(a, b) }

package rest

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tidemark-db/tidemark/index/filter"
)

// readGeoPoint reads a place on earth.
func readGeoPoint(dec *jsontext.Decoder) (filter.GeoPoint, error) {
	var lon, lat *float64
	err := readObject(dec, "struct GeoPoint", func(key []byte) error {
		switch string(key) {
		case "lon", "lat":
			f, err := readFloat(dec)
			if string(key) == "lon" {
				lon = &f
			} else {
				lat = &f
			}
			return err
		}
		return dec.SkipValue()
	})
	switch {
	case err != nil:
		return filter.GeoPoint{}, err
	case lon == nil:
		return filter.GeoPoint{}, missing("lon")
	case lat == nil:
		return filter.GeoPoint{}, missing("lat")
	}
	return filter.NewGeoPoint(*lon, *lat)
}

func readBoundingBox(dec *jsontext.Decoder) (*filter.GeoBoundingBox, error) {
	b := &filter.GeoBoundingBox{}
	var topLeft, bottomRight bool
	err := readObject(dec, "struct GeoBoundingBox", func(key []byte) (err error) {
		switch string(key) {
		case "top_left":
			topLeft = true
			b.TopLeft, err = readGeoPoint(dec)
		case "bottom_right":
			bottomRight = true
			b.BottomRight, err = readGeoPoint(dec)
		default:
			err = dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !topLeft:
		err = missing("top_left")
	case !bottomRight:
		err = missing("bottom_right")
	}
	return b, err
}

func readRadius(dec *jsontext.Decoder) (*filter.GeoRadius, error) {
	r := &filter.GeoRadius{}
	var center, radius bool
	err := readObject(dec, "struct GeoRadius", func(key []byte) (err error) {
		switch string(key) {
		case "center":
			center = true
			r.Center, err = readGeoPoint(dec)
		case "radius":
			radius = true
			r.Radius, err = readFloat(dec)
		default:
			err = dec.SkipValue()
		}
		return err
	})
	switch {
	case err != nil:
	case !center:
		err = missing("center")
	case !radius:
		err = missing("radius")
	}
	return r, err
}

func readPolygon(dec *jsontext.Decoder) (*filter.GeoPolygon, error) {
	var exterior []filter.GeoPoint
	var interiors [][]filter.GeoPoint
	err := readObject(dec, "struct GeoPolygon", func(key []byte) (err error) {
		switch string(key) {
		case "exterior":
			exterior, err = readLine(dec)
		case "interiors":
			if !skipNull(dec) {
				err = readArray(dec, "a sequence", func(int) error {
					line, err := readLine(dec)
					interiors = append(interiors, line)
					return err
				})
			}
		default:
			err = dec.SkipValue()
		}
		return err
	})
	if err == nil && exterior == nil {
		err = missing("exterior")
	}
	if err != nil {
		return nil, err
	}
	return filter.NewGeoPolygon(exterior, interiors)
}

// readLine reads a closed line of points.
func readLine(dec *jsontext.Decoder) ([]filter.GeoPoint, error) {
	var line []filter.GeoPoint
	err := readObject(dec, "struct GeoLineString", func(key []byte) error {
		if string(key) != "points" {
			return dec.SkipValue()
		}
		line = []filter.GeoPoint{}
		return readArray(dec, "a sequence", func(int) error {
			p, err := readGeoPoint(dec)
			line = append(line, p)
			return err
		})
	})
	if err == nil && line == nil {
		err = missing("points")
	}
	return line, err
}

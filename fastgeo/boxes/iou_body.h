/* Overlaps of every pair, or pair by pair: the stages in the order in which they build on each other. */
#include "boxes/measures_body.h"
#include "boxes/loading_body.h"
#include "boxes/screening_body.h"
#include "boxes/tiles_body.h"
#include "boxes/column_cells_body.h"
#include "boxes/paired_body.h"

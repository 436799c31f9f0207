/* table: rows of cells for a terminal, the columns as wide as they must be. */
#include "cli/inner.h"

#define WIDEST_COLUMN 60u

const char *cli_short(const struct cli *c, const char *place)
{
    size_t len = strlen(c->paths.config);
    bool inside = strncmp(place, c->paths.config, len) == 0 && place[len] == '/';
    return inside ? place + len + 1 : place;
}

void cli_table(struct text *out, const char *const *cells, size_t columns, size_t rows)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < columns; column++) {
            size_t from = out->len, width = 0;
            const char *cell = cells[row * columns + column];
            text_visible(out, slice_of(cell));
            for (size_t i = 0; i < rows; i++)
                width = max_size(width, cli_width(slice_of(cells[i * columns + column])));
            if (column + 1 < columns)
                cli_pad(out, from, min_size(width, WIDEST_COLUMN) + 2);
        }
        cli_end_row(out);
    }
}

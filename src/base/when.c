/* when: see when.h. */
#include "base/when.h"

#define LATEST_MS 253402300799999u /* the end of 9999 */
#define DAY_MS 86400000u

/* Takes so many digits off the front; false when they are not there. */
static bool take_digits(struct slice *s, size_t n, uint64_t *ret)
{
    if (s->len < n || !slice_u64(slice_to(*s, n), ret))
        return false;
    *s = slice_from(*s, n);
    return true;
}

static bool take(struct slice *s, char c)
{
    if (!s->len || s->ptr[0] != c)
        return false;
    *s = slice_from(*s, 1);
    return true;
}

static unsigned days_in(uint64_t year, uint64_t month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (leap && month == 2 ? 1u : 0u);
}

static bool take_date(struct slice *s, uint64_t *ret_days)
{
    uint64_t year, month, day, days = 0;
    if (!take_digits(s, 4, &year) || !take(s, '-') || !take_digits(s, 2, &month) || !take(s, '-') ||
        !take_digits(s, 2, &day))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return false;
    for (uint64_t y = 1970; y < year; y++)
        days += 337 + days_in(y, 2);
    for (uint64_t m = 1; m < month; m++)
        days += days_in(year, m);
    *ret_days = days + day - 1;
    return true;
}

/* Behind the T: hours and minutes, and perhaps seconds and their thousandths. */
static bool take_time(struct slice *s, uint64_t *ret_ms)
{
    uint64_t hours, minutes, seconds = 0, ms = 0;
    if (!take_digits(s, 2, &hours) || !take(s, ':') || !take_digits(s, 2, &minutes))
        return false;
    if (take(s, ':') && !take_digits(s, 2, &seconds))
        return false;
    if (take(s, '.') && !take_digits(s, 3, &ms))
        return false;
    if (hours > 23 || minutes > 59 || seconds > 59)
        return false;
    *ret_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
    return true;
}

static bool read_date(struct slice s, uint64_t *ret_ms)
{
    uint64_t days, ms = 0;
    if (!take_date(&s, &days))
        return false;
    if (s.len && (!take(&s, 'T') || !take_time(&s, &ms)))
        return false;
    (void)take(&s, 'Z');
    if (s.len)
        return false;
    *ret_ms = days * DAY_MS + ms;
    return true;
}

static bool read_ago(struct slice s, uint64_t now_ms, uint64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"s", 1000},        {"min", 60000}, {"m", 60000},
                 {"h", 60 * 60000u}, {"d", DAY_MS},  {"w", 7 * (uint64_t)DAY_MS}};
    size_t n = 0;
    uint64_t count;
    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
        n++;
    if (!n || !slice_u64(slice_to(s, n), &count))
        return false;
    for (size_t i = 0; i < COUNT(units); i++) {
        if (!slice_is(slice_from(s, n), slice_of(units[i].unit)))
            continue;
        if (count > now_ms / units[i].ms)
            return false;
        *ret_ms = now_ms - count * units[i].ms;
        return true;
    }
    return false;
}

bool when_read(struct slice words, uint64_t now_ms, uint64_t *ret_ms)
{
    uint64_t ms;
    if (slice_u64(words, &ms)) {
        if (ms > LATEST_MS)
            return false;
        *ret_ms = ms;
        return true;
    }
    return read_ago(words, now_ms, ret_ms) || read_date(words, ret_ms);
}

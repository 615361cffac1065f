#include "say.h"

int main(void) {
    say();
    return 0;
}

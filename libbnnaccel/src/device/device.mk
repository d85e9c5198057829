# SPDX-License-Identifier: MIT
# The functional core is part of the library, so that backend "model" needs no
# other file. Read after lib.mk.

LIB_MODEL_OBJECTS := $(filter-out %/bnn_hw_fields.o,$(MODEL_OBJECTS))
LIB_OBJECTS += $(LIB_MODEL_OBJECTS)
$(LIB_SO) $(LIB_A): $(LIB_MODEL_OBJECTS)

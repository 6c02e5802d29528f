/* SPDX-License-Identifier: BSD-3-Clause
 *
 * standin.h - what the libraries of the stand-in offer each other, and programs. See standin.c.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGIONS_MAX 2048
#define LOCATIONS_MAX 64
#define DEPTH_MAX 1024

/* Between the libraries. */
int standin_measures(void);
uint32_t standin_region(const char *name, const char *file, uint32_t line);
void standin_event(uint32_t region, bool enter);

/* As Score-P's. */
void SCOREP_InitMeasurement(void);
void SCOREP_FinalizeMeasurement(void);
bool SCOREP_IsInitialized(void);
const char *SCOREP_GetExperimentDirName(void);
void SCOREP_User_RegionInit(void **handle, const char **last_file, uint32_t *last_handle, const char *name,
                            uint32_t type, const char *file, uint32_t line);
void SCOREP_User_RegionSetGroup(void *handle, const char *group);
void SCOREP_User_RegionEnter(void *handle);
void SCOREP_User_RegionEnd(void *handle);
void SCOREP_User_RewindRegionEnter(void *handle);
void SCOREP_User_RewindRegionEnd(void *handle, bool rewound);
void SCOREP_User_ParameterInt64(uint64_t *handle, const char *name, int64_t value);
void SCOREP_User_ParameterUint64(uint64_t *handle, const char *name, uint64_t value);
void SCOREP_User_ParameterString(uint64_t *handle, const char *name, const char *value);
void SCOREP_User_EnableRecording(void);
void SCOREP_User_DisableRecording(void);

#endif

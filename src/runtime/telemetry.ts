/**
 * Switches off the telemetry of onnxruntime-node. Without this, version 1.30.0 looks up a host of
 * Microsoft, writes `mat-debug-PID.log` into the temporary folder and a device id below
 * `~/.cache/Microsoft`. The library reads the variable when it is loaded, so this module is
 * imported by every module that loads it, directly or through
 * @huggingface/transformers. Child processes inherit the variable; worker threads have to inherit
 * it too, since an assignment inside a thread does not reach native code.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';

//! Keys and values of the maps that the ipcon probes share with user space.
